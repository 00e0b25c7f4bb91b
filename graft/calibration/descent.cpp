#include "graft/calibration/descent.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <vector>

#include "graft/base/thread_pool.h"
#include "graft/calibration/products.h"

namespace graft::calibration {
namespace {

constexpr int kRowsAPart = 16;

// A group of a row, while the row's others stay. Its error changes by -2 d c + d H d^T when its
// numbers change by d.
class Group {
 public:
  Group(const QuantizedMatrix& matrix, const float* moments)
      : matrix_(matrix),
        levels_(matrix.levels()),
        moments_(moments),
        size_(static_cast<size_t>(matrix.setting.group_size)),
        numbers_(size_),
        products_(size_) {
    for (size_t i = 0; i < size_ * size_; ++i) ones_ones_ += moments[i];
  }

  // `left`: what is missing of each number; `pull`: left H.
  void bind(uint8_t* codes, float* scale, float* bias, float* left, float* pull) {
    codes_ = codes;
    scale_ = scale;
    bias_ = bias;
    left_ = left;
    pull_ = pull;
  }

  void move_codes() {
    const float scale = *scale_;
    if (scale == 0) return;
    for (size_t i = 0; i < size_; ++i) {
      const bool up = scale * pull_[i] > 0;
      const size_t code = codes_[i];
      if (up ? code + 1 == levels_.size() : code == 0) continue;
      const size_t next = up ? code + 1 : code - 1;
      const float step = scale * (levels_[next] - levels_[code]);
      if (!(2 * step * pull_[i] > step * step * moments_[i * size_ + i])) continue;
      codes_[i] = static_cast<uint8_t>(next);
      change(i, step);
    }
  }

  void fit_scale_and_bias() {
    for (size_t i = 0; i < size_; ++i) numbers_[i] = levels_[codes_[i]];
    std::fill(products_.begin(), products_.end(), 0.0f);
    for (size_t i = 0; i < size_; ++i) {
      const float by = numbers_[i], *row = moments_ + i * size_;
      for (size_t j = 0; j < size_; ++j) products_[j] += by * row[j];
    }
    // Of a change by a * levels + b: the error's terms.
    double levels_levels = 0, levels_ones = 0, levels_pull = 0, ones_pull = 0;
    for (size_t i = 0; i < size_; ++i) {
      levels_levels += double{products_[i]} * numbers_[i];
      levels_ones += products_[i];
      levels_pull += double{pull_[i]} * numbers_[i];
      ones_pull += pull_[i];
    }
    const double ones_ones = ones_ones_;
    double a = 0, b = 0;
    if (!has_biases(matrix_.setting.mode)) {
      if (!(levels_levels > 0)) return;
      a = levels_pull / levels_levels;
    } else {
      if (!(ones_ones > 0)) return;
      const double determinant = levels_levels * ones_ones - levels_ones * levels_ones;
      if (determinant > 1e-6 * levels_levels * ones_ones) {
        a = (levels_pull * ones_ones - ones_pull * levels_ones) / determinant;
      }
    }
    const float scale = matrix_.as_scale(static_cast<float>(*scale_ + a));
    a = double{scale} - *scale_;
    float bias = *bias_;
    if (has_biases(matrix_.setting.mode)) {
      b = (ones_pull - a * levels_ones) / ones_ones;
      bias = as_stored(static_cast<float>(bias + b), matrix_.dtype);
      b = double{bias} - *bias_;
    }
    const double change = -2 * (a * levels_pull + b * ones_pull) + a * a * levels_levels +
                          2 * a * b * levels_ones + b * b * ones_ones;
    if (!(change < 0)) return;
    for (size_t i = 0; i < size_; ++i) {
      this->change(i, static_cast<float>(a * numbers_[i] + b));
    }
    *scale_ = scale;
    *bias_ = bias;
  }

 private:
  // Number i grows by `by`.
  void change(size_t i, float by) {
    left_[i] -= by;
    const float* row = moments_ + i * size_;
    for (size_t j = 0; j < size_; ++j) pull_[j] -= by * row[j];
  }

  const QuantizedMatrix& matrix_;
  const Levels& levels_;
  const float* moments_;
  size_t size_;
  double ones_ones_ = 0;                   // of all moments
  std::vector<float> numbers_, products_;  // the levels; these times the moments
  uint8_t* codes_ = nullptr;
  float *scale_ = nullptr, *bias_ = nullptr, *left_ = nullptr, *pull_ = nullptr;
};

}  // namespace

void descend(const mx::array& target, const mx::array& moments, QuantizedMatrix& matrix,
             int sweeps) {
  const int in = matrix.in, out = matrix.out, size = matrix.setting.group_size;
  mx::array left = mx::contiguous(mx::subtract(target, matrix.dense()));
  left.eval();
  auto* missing = left.data<float>();
  for (int at = 0; at < sweeps * matrix.groups(); ++at) {
    const int group = at % matrix.groups(), begin = group * size;
    mx::array pull =
        mx::contiguous(product(left, mx::slice(moments, {begin, 0}, {begin + size, in})));
    mx::array own =
        mx::contiguous(mx::slice(moments, {begin, begin}, {begin + size, begin + size}));
    mx::eval(pull, own);
    auto* pulls = pull.data<float>();
    const int64_t parts = (out + kRowsAPart - 1) / kRowsAPart;
    run_parts(parts, [&](int64_t part, int) {
      Group one(matrix, own.data<float>());
      const auto last = std::min<int64_t>(out, (part + 1) * kRowsAPart);
      for (int64_t row = part * kRowsAPart; row < last; ++row) {
        const auto of_row =
            static_cast<size_t>(row) * static_cast<size_t>(in) + static_cast<size_t>(begin);
        const size_t of_group = static_cast<size_t>(row) * static_cast<size_t>(matrix.groups()) +
                                static_cast<size_t>(group);
        one.bind(matrix.codes.data() + of_row, &matrix.scales[of_group], &matrix.biases[of_group],
                 missing + of_row, pulls + static_cast<size_t>(row) * static_cast<size_t>(size));
        one.move_codes();
        one.fit_scale_and_bias();
        one.move_codes();
      }
    });
  }
}

}  // namespace graft::calibration
