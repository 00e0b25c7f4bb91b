#include "graft/kernels/column_sums.h"

#include <algorithm>
#include <cmath>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/column_sums.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace {

constexpr int64_t kBlock = 64;  // rows

}  // namespace

// Columns [begin, end).
void sum_columns(const ColumnSumsCall& call, int64_t begin, int64_t end) {
  const FloatTag d;
  with_type(call.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const T* const g = static_cast<const T*>(call.g);
    const T* const x = static_cast<const T*>(call.x);
    for_vectors(hn::Lanes(d), begin, end, [&](int64_t j, auto lanes) HWY_ATTR {
      auto weighted = hn::Zero(d), plain = hn::Zero(d);
      for (int64_t first = 0; first < call.rows; first += kBlock) {
        const int64_t last = std::min(call.rows, first + kBlock);
        auto block_weighted = hn::Zero(d), block_plain = hn::Zero(d);
        for (int64_t i = first; i < last; ++i) {
          const auto gradient = load(d, g + i * call.width + j, lanes);
          block_plain = hn::Add(block_plain, gradient);
          if (x == nullptr) continue;
          const auto normal =
              hn::Mul(hn::Sub(load(d, x + i * call.width + j, lanes), hn::Set(d, call.mean[i])),
                      hn::Set(d, call.scale[i]));
          block_weighted = hn::MulAdd(gradient, normal, block_weighted);
        }
        weighted = hn::Add(weighted, block_weighted);
        plain = hn::Add(plain, block_plain);
      }
      if (call.weighted != nullptr) store(d, weighted, call.weighted + j, lanes);
      if (call.plain != nullptr) store(d, plain, call.plain + j, lanes);
    });
  });
}

// Mean and 1 / deviation of rows [begin, end).
void norm_scales(const NormShape& shape, bool centered, const void* sum, float* mean, float* scale,
                 int64_t begin, int64_t end) {
  const FloatTag d;
  const float n = static_cast<float>(shape.width);
  with_type(shape.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    for (int64_t i = begin; i < end; ++i) {
      const T* row = static_cast<const T*>(sum) + i * shape.width;
      mean[i] = 0;
      if (centered) {
        auto total = hn::Zero(d);
        for_vectors(hn::Lanes(d), 0, shape.width, [&](int64_t j, auto lanes) HWY_ATTR {
          total = hn::Add(total, load(d, row + j, lanes));
        });
        mean[i] = sum_of(d, total) / n;
      }
      const auto middle = hn::Set(d, mean[i]);
      auto squares = hn::Zero(d);
      for_vectors(hn::Lanes(d), 0, shape.width, [&](int64_t j, auto lanes) HWY_ATTR {
        const auto away = keep(d, hn::Sub(load(d, row + j, lanes), middle), hn::Zero(d), lanes);
        squares = hn::MulAdd(away, away, squares);
      });
      scale[i] = 1.0f / std::sqrt(sum_of(d, squares) / n + shape.eps);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(sum_columns);
HWY_EXPORT(norm_scales);

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
constexpr int64_t kLine = 64;        // columns whose rows are whole cache lines of any type

void run(const ColumnSumsCall& call) {
  const auto columns = GRAFT_DISPATCH(sum_columns);
  parallel_ranges(
      call.width, kGrain / (call.rows + 1) + 1,
      [&](int64_t begin, int64_t end) { columns(call, begin, end); }, kLine);
}

}  // namespace

void column_sums(const void* x, ScalarType type, int64_t rows, int64_t width, float* out) {
  run({.g = x,
       .x = nullptr,
       .type = type,
       .rows = rows,
       .width = width,
       .mean = nullptr,
       .scale = nullptr,
       .weighted = nullptr,
       .plain = out});
}

void norm_weight_gradient(const NormShape& shape, bool centered, const void* sum,
                          const void* d_normed, float* d_weight, float* d_bias,
                          float* rows_scratch) {
  float *const mean = rows_scratch, *const scale = rows_scratch + shape.rows;
  const auto scales = GRAFT_DISPATCH(norm_scales);
  parallel_ranges(shape.rows, kGrain / (shape.width + 1) + 1, [&](int64_t begin, int64_t end) {
    scales(shape, centered, sum, mean, scale, begin, end);
  });
  run({.g = d_normed,
       .x = sum,
       .type = shape.type,
       .rows = shape.rows,
       .width = shape.width,
       .mean = mean,
       .scale = scale,
       .weighted = d_weight,
       .plain = d_bias});
}

}  // namespace graft::kernels
#endif
