#include "graft/calibration/gptq.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "graft/base/thread_pool.h"
#include "graft/calibration/cholesky.h"
#include "graft/calibration/products.h"

namespace graft::calibration {
namespace {

constexpr int kBlock = 128;   // columns that are rounded before those behind them hear of it
constexpr size_t kRows = 16;  // are rounded side by side

using RowsOfColumn = std::array<float, kRows>;

// The rows [first, first + kRows) of a block of columns.
class RowTile {
 public:
  RowTile(QuantizedMatrix& grid, int first)
      : grid_(grid),
        levels_(grid.levels()),
        first_(static_cast<size_t>(first)),
        rows_(static_cast<size_t>(std::min<int>(kRows, grid.out - first))) {}

  // `values` [out, stride]: what the columns [begin, begin + count) of the order should be.
  // `errors` [out, count] gets what is left, over the diagonal.
  void round(const float* values, size_t stride, const ColumnOrder& order, int begin, int count,
             float* errors) {
    const auto n = static_cast<size_t>(count);
    std::vector<RowsOfColumn> left(n, RowsOfColumn{});
    for (size_t r = 0; r < rows_; ++r) {
      for (size_t i = 0; i < n; ++i) left[i][r] = values[(first_ + r) * stride + i];
    }
    const auto in = static_cast<size_t>(grid_.in);
    const float* u = order.compensation.data<float>() + static_cast<size_t>(begin) * (in + 1);
    for (size_t i = 0; i < n; ++i, u += in + 1) {
      round_column(order.columns[static_cast<size_t>(begin) + i], left[i], u[0]);
      for (size_t j = i + 1; j < n; ++j) {
        const float by = u[j - i];
        for (size_t r = 0; r < kRows; ++r) left[j][r] -= by * left[i][r];
      }
      for (size_t r = 0; r < rows_; ++r) errors[(first_ + r) * n + i] = left[i][r];
    }
  }

 private:
  // Of each row: the nearest number; `values` become the errors over the diagonal.
  void round_column(int column, RowsOfColumn& values, float diagonal) {
    const auto groups = static_cast<size_t>(grid_.groups());
    const size_t group = static_cast<size_t>(column / grid_.setting.group_size);
    for (size_t r = 0; r < rows_; ++r) {
      const size_t at = (first_ + r) * groups + group;
      const float scale = grid_.scales[at], bias = grid_.biases[at];
      const uint8_t code = levels_.nearest(scale == 0 ? 0 : (values[r] - bias) / scale);
      grid_.codes[(first_ + r) * static_cast<size_t>(grid_.in) + static_cast<size_t>(column)] =
          code;
      values[r] = (values[r] - (levels_[code] * scale + bias)) / diagonal;
    }
  }

  QuantizedMatrix& grid_;
  const Levels& levels_;
  size_t first_, rows_;
};

constexpr float kMostDamping = 20;

// Whether u^T u (matrix x) is x: of some matrices f32 has a factor of something else.
bool is_factor_of_inverse(const mx::array& u, const mx::array& matrix) {
  const mx::array x = mx::ones({1, matrix.shape(0)});
  const mx::array upper = product(product(x, matrix), u);  // (u H x)^T
  const mx::array again = product(upper, mx::contiguous(mx::transpose(u)));
  mx::array error = mx::max(mx::abs(mx::subtract(again, x)));
  return error.item<float>() < 0.05f;  // false for NaN
}

}  // namespace

std::optional<ColumnOrder> ColumnOrder::of(const mx::array& moments, float damping) {
  const int in = moments.shape(0);
  mx::array diagonal = mx::contiguous(mx::diagonal(moments));
  mx::eval(diagonal);
  const float* size = diagonal.data<float>();
  std::vector<int> columns(static_cast<size_t>(in));
  std::iota(columns.begin(), columns.end(), 0);
  std::stable_sort(columns.begin(), columns.end(), [&](int a, int b) { return size[a] > size[b]; });
  const mx::array order(columns.begin(), {in}, mx::int32);
  const mx::array sorted = mx::take(mx::take(moments, order, 0), order, 1);
  const mx::array mean = mx::maximum(mx::mean(diagonal), mx::array(1e-12f));
  for (float damp = damping; damp < kMostDamping; damp *= 10) {
    const mx::array damped =
        mx::add(sorted, mx::multiply(mx::multiply(mx::array(damp), mean), mx::eye(in)));
    const std::optional<mx::array> factor = inverse_factor(damped);
    if (factor && is_factor_of_inverse(*factor, damped)) {
      return ColumnOrder{std::move(columns), *factor};
    }
  }
  return {};
}

void round_by_columns(const mx::array& target, const ColumnOrder& order, QuantizedMatrix& grid) {
  const int in = grid.in, out = grid.out;
  grid.codes.resize(static_cast<size_t>(out) * static_cast<size_t>(in));
  const mx::array columns(order.columns.begin(), {in}, mx::int32);
  mx::array left = mx::contiguous(mx::take(target, columns, 1));
  for (int begin = 0; begin < in; begin += kBlock) {
    const int count = std::min(kBlock, in - begin);
    left.eval();
    const float* values = left.data<float>();
    std::vector<float> errors(static_cast<size_t>(out) * static_cast<size_t>(count));
    const int64_t tiles = (out + static_cast<int>(kRows) - 1) / static_cast<int>(kRows);
    run_parts(tiles, [&](int64_t tile, int) {
      RowTile(grid, static_cast<int>(tile) * static_cast<int>(kRows))
          .round(values, static_cast<size_t>(in - begin), order, begin, count, errors.data());
    });
    if (begin + count == in) break;
    const mx::array error(errors.begin(), {out, count}, mx::float32);
    const mx::array behind =
        mx::slice(order.compensation, {begin, begin + count}, {begin + count, in});
    left = mx::contiguous(mx::subtract(mx::slice(left, {0, count}, {out, in - begin}),
                                       product(error, mx::contiguous(mx::transpose(behind)))));
  }
}

}  // namespace graft::calibration
