#include "graft/calibration/rounding.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/calibration/descent.h"
#include "graft/calibration/gptq.h"
#include "graft/calibration/quantized_matrix.h"
#include "graft/calibration/scale_search.h"
#include "graft/calibration/second_moments.h"
#include "graft/io/finite.h"

namespace graft::calibration {
namespace {

constexpr int kRowsAtOnce = 8192;  // those of a vocabulary would take much memory
constexpr float kDamping = 0.01f;  // of the mean of H's diagonal: what the data did not show stays

mx::array damped(const mx::array& moments) {
  const mx::array damp = mx::multiply(mx::array(kDamping), mx::mean(mx::diagonal(moments)));
  return mx::add(moments, mx::multiply(damp, mx::eye(moments.shape(0))));
}

struct Candidate {
  QuantizedMatrix matrix;
  std::vector<float> errors;  // of each row
};

template <class T>
void copy_row(const std::vector<T>& from, std::vector<T>& to, size_t row, int width) {
  const auto begin = static_cast<std::ptrdiff_t>(row * static_cast<size_t>(width));
  std::copy_n(from.begin() + begin, width, to.begin() + begin);
}

void take_better_rows(Candidate& best, const Candidate& other) {
  for (size_t row = 0; row < best.errors.size(); ++row) {
    if (!(other.errors[row] < best.errors[row])) continue;
    best.errors[row] = other.errors[row];
    copy_row(other.matrix.codes, best.matrix.codes, row, best.matrix.in);
    copy_row(other.matrix.scales, best.matrix.scales, row, best.matrix.groups());
    copy_row(other.matrix.biases, best.matrix.biases, row, best.matrix.groups());
  }
}

// `h`: damped, to find candidates by. They are compared by what the texts show alone.
QuantizedMatrix best_of(const mx::array& target, const mx::array& moments, const mx::array& h,
                        const std::optional<ColumnOrder>& order, const RoundingOptions& options) {
  const auto measured = [&](QuantizedMatrix matrix) {
    mx::array errors = output_errors(mx::subtract(target, matrix.dense()), moments);
    errors.eval();
    return Candidate{std::move(matrix),
                     {errors.data<float>(), errors.data<float>() + errors.size()}};
  };
  const auto candidate = [&](QuantizedMatrix matrix, bool by_columns) {
    if (by_columns) round_by_columns(target, *order, matrix);
    descend(target, h, matrix, options.sweeps);
    return measured(std::move(matrix));
  };
  const auto nearest = QuantizedMatrix::nearest(target, options.setting, options.dtype);
  QuantizedMatrix searched = nearest;
  search_scales(target, h, searched);
  Candidate best = measured(nearest);
  take_better_rows(best, candidate(std::move(searched), order.has_value()));
  if (options.before) {
    const QuantizedMatrix before = QuantizedMatrix::of(*options.before);
    take_better_rows(best, candidate(before, false));
    if (order) take_better_rows(best, candidate(before, true));
  }
  return std::move(best.matrix);
}

}  // namespace

ops::Weight rounded(const mx::array& target, const mx::array& moments,
                    const RoundingOptions& options) {
  if (!io::all_finite(target)) fail("a weight that is to be rounded is not finite");
  const mx::array h = damped(moments);
  const std::optional<ColumnOrder> order = ColumnOrder::of(moments, kDamping);
  const int out = target.shape(0);
  std::vector<std::vector<mx::array>> parts;  // of weight, scales, biases
  ops::Weight weight{target, {}, {}, 0, 0};
  for (int begin = 0; begin < out; begin += kRowsAtOnce) {
    const int end = std::min(begin + kRowsAtOnce, out);
    RoundingOptions own = options;
    if (own.before) own.before = ops::rows_of(*own.before, begin, end);
    const mx::array rows = mx::contiguous(ops::rows_of(target, begin, end));
    weight = best_of(rows, moments, h, order, own).packed();
    const std::vector<mx::array> arrays = weight.arrays();
    parts.resize(arrays.size());
    for (size_t i = 0; i < arrays.size(); ++i) parts[i].push_back(arrays[i]);
  }
  weight.weight = mx::concatenate(parts[0], 0);
  weight.scales = mx::concatenate(parts[1], 0);
  if (weight.biases) weight.biases = mx::concatenate(parts[2], 0);
  mx::eval(weight.arrays());
  return weight;
}

}  // namespace graft::calibration
