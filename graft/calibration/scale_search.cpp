#include "graft/calibration/scale_search.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <span>

#include "graft/base/thread_pool.h"

namespace graft::calibration {
namespace {

// Of the scale that MLX gives a group. Numbers beyond the ends of a narrower one are cut.
constexpr float kFactors[] = {0.6f, 0.7f, 0.75f, 0.8f, 0.85f, 0.9f, 0.95f, 1, 1.1f};
constexpr float kPowersOfTwo[] = {0.5f, 1, 2};

std::span<const float> factors_of(QuantizationMode mode) {
  if (mode == QuantizationMode::mxfp4 || mode == QuantizationMode::mxfp8) return kPowersOfTwo;
  return kFactors;
}

struct GroupScale {
  float scale, bias;
};

GroupScale times(const QuantizedMatrix& matrix, GroupScale own, float factor) {
  if (factor == 1) return own;
  const float scale = matrix.as_scale(own.scale * factor);
  if (!has_biases(matrix.setting.mode)) return {scale, 0};
  const float middle = matrix.levels()[matrix.levels().size() - 1] / 2;
  return {scale, as_stored(own.bias + (own.scale - scale) * middle, matrix.dtype)};
}

class GroupSearch {
 public:
  explicit GroupSearch(const QuantizedMatrix& matrix)
      : matrix_(matrix), levels_(matrix.levels()), factors_(factors_of(matrix.setting.mode)) {}

  // `target`, `weights` and `codes`: the group's numbers.
  GroupScale best(const float* target, const float* weights, GroupScale own, uint8_t* codes) const {
    // All numbers are the same, or 0 in E4M3, which has a least number above that.
    if (own.scale == 0 && has_biases(matrix_.setting.mode)) return own;
    GroupScale best = own;
    double least = error(target, weights, own);
    for (const float factor : factors_) {
      const GroupScale other = times(matrix_, own, factor);
      const double lost = error(target, weights, other);
      if (!(lost < least)) continue;
      least = lost;
      best = other;
    }
    for (int i = 0; i < matrix_.setting.group_size; ++i) codes[i] = nearest(target[i], best);
    return best;
  }

 private:
  uint8_t nearest(float value, GroupScale s) const {
    return levels_.nearest((value - s.bias) / s.scale);
  }

  double error(const float* target, const float* weights, GroupScale s) const {
    if (s.scale == 0) return INFINITY;
    double sum = 0;
    for (int i = 0; i < matrix_.setting.group_size; ++i) {
      const float left = target[i] - (levels_[nearest(target[i], s)] * s.scale + s.bias);
      sum += static_cast<double>(weights[i] * left * left);
    }
    return sum;
  }

  const QuantizedMatrix& matrix_;
  const Levels& levels_;
  std::span<const float> factors_;
};

}  // namespace

void search_scales(const mx::array& target, const mx::array& moments, QuantizedMatrix& matrix) {
  mx::array numbers = mx::contiguous(target);
  mx::array diagonal = mx::contiguous(mx::diagonal(moments));
  mx::eval(numbers, diagonal);
  const auto* wanted = numbers.data<float>();
  const auto* weights = diagonal.data<float>();
  const GroupSearch search(matrix);
  const auto groups = static_cast<size_t>(matrix.groups());
  const auto size = static_cast<size_t>(matrix.setting.group_size);
  run_parts(matrix.out, [&](int64_t row, int) {
    for (size_t group = 0; group < groups; ++group) {
      const size_t at = static_cast<size_t>(row) * groups + group;
      const GroupScale found =
          search.best(wanted + at * size, weights + group * size,
                      {matrix.scales[at], matrix.biases[at]}, matrix.codes.data() + at * size);
      matrix.scales[at] = found.scale;
      matrix.biases[at] = found.bias;
    }
  });
}

}  // namespace graft::calibration
