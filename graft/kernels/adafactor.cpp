#include "graft/kernels/adafactor.h"

#include <algorithm>
#include <cmath>

#include "graft/kernels/parallel.h"
#include "graft/kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/adafactor.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

constexpr int64_t kAdafactorRows = 256;  // summed by themselves: sums of sums round less

float adafactor_squares(const float* x, int64_t width) {
  const FloatTag d;
  auto sum = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, width, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto value = load(d, x + i, lanes);
    sum = hn::MulAdd(value, value, sum);
  });
  return sum_of(d, sum);
}

// col = keep col + (1 - keep) (eps + mean of squares) in the columns [begin, end) of a matrix g.
void adafactor_columns(const AdafactorOptions& options, const float* g, int64_t rows,
                       int64_t columns, int64_t begin, int64_t end, const float* col,
                       float* col_out) {
  const FloatTag d;
  const auto keep = hn::Set(d, options.keep), rest = hn::Set(d, 1 - options.keep);
  const auto eps = hn::Set(d, options.eps);
  const auto share = hn::Set(d, 1.0f / static_cast<float>(rows));
  for_vectors(hn::Lanes(d), begin, end, [&](int64_t i, auto lanes) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (int64_t first = 0; first < rows; first += kAdafactorRows) {
      auto part = hn::Zero(d);
      for (int64_t r = first; r < std::min(rows, first + kAdafactorRows); ++r) {
        const auto value = load(d, g + r * columns + i, lanes);
        part = hn::MulAdd(value, value, part);
      }
      sum = hn::Add(sum, part);
    }
    const auto mean = hn::MulAdd(sum, share, eps);
    store(d, hn::MulAdd(keep, load(d, col + i, lanes), hn::Mul(rest, mean)), col_out + i, lanes);
  });
}

// The sum of squares of u over a row: g times the factors of its row and columns.
float adafactor_row_of_u(const float* g, float row_factor, const float* col_factors,
                         int64_t columns) {
  const FloatTag d;
  const auto factor = hn::Set(d, row_factor);
  auto sum = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, columns, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto u = hn::Mul(hn::Mul(factor, load(d, col_factors + i, lanes)), load(d, g + i, lanes));
    sum = hn::MulAdd(u, u, sum);
  });
  return sum_of(d, sum);
}

// `step` is what u is multiplied by, `shrink` what the parameter loses.
void adafactor_row_step(float step, float shrink, double beta1, const float* g, float row_factor,
                        const float* col_factors, int64_t columns, const float* p, const float* m,
                        float* p_out, float* m_out) {
  const FloatTag d;
  const auto factor = hn::Set(d, row_factor), size = hn::Set(d, step);
  const auto loss = hn::Set(d, shrink), keep = hn::Set(d, static_cast<float>(beta1));
  const auto rest = hn::Set(d, static_cast<float>(1 - beta1));
  for_vectors(hn::Lanes(d), 0, columns, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto u = hn::Mul(hn::Mul(factor, load(d, col_factors + i, lanes)), load(d, g + i, lanes));
    auto by = hn::Mul(size, u);
    if (m != nullptr) {
      by = hn::MulAdd(keep, load(d, m + i, lanes), hn::Mul(rest, by));
      store(d, by, m_out + i, lanes);
    }
    const auto held = load(d, p + i, lanes);
    store(d, hn::Sub(held, hn::MulAdd(loss, held, by)), p_out + i, lanes);
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(adafactor_squares);
HWY_EXPORT(adafactor_columns);
HWY_EXPORT(adafactor_row_of_u);
HWY_EXPORT(adafactor_row_step);

namespace {

constexpr int64_t kAdafactorGrain = 1 << 14;  // elements that are worth a thread

float root_mean_square(const float* squares_of_rows, int64_t rows, int64_t columns) {
  double sum = 0;
  for (int64_t r = 0; r < rows; ++r) sum += squares_of_rows[r];
  return static_cast<float>(std::sqrt(sum / static_cast<double>(rows * columns)));
}

// The memory of a step.
struct AdafactorScratch {
  float *row_factors, *col_factors, *squares;

  AdafactorScratch(std::byte* block, int64_t rows, int64_t columns) {
    Carver carver(block);
    carve(carver, rows, columns);
    bytes = carver.used();
  }

  size_t bytes;

 private:
  void carve(Carver& carver, int64_t rows, int64_t columns) {
    row_factors = carver.take<float>(rows);
    col_factors = carver.take<float>(columns);
    squares = carver.take<float>(rows);
  }
};

}  // namespace

size_t adafactor_scratch_bytes(int64_t rows, int64_t columns) {
  return AdafactorScratch(nullptr, rows, columns).bytes;
}

void adafactor_update(const AdafactorOptions& options, int64_t count, int64_t rows, int64_t columns,
                      const float* gradient, const AdafactorArrays<const float>& in,
                      const AdafactorArrays<float>& out) {
  const int64_t all_rows = count * rows;
  const AdafactorScratch scratch(reused_scratch(adafactor_scratch_bytes(all_rows, count * columns)),
                                 all_rows, count * columns);
  const auto each_row = [&](const auto& work) {
    parallel_ranges(all_rows, std::max<int64_t>(kAdafactorGrain / columns, 1),
                    [&](int64_t begin, int64_t end) {
                      for (int64_t r = begin; r < end; ++r) work(r);
                    });
  };
  auto squares = GRAFT_DISPATCH(adafactor_squares);
  float step = options.rate;
  if (options.scale_parameter) {
    each_row([&](int64_t r) { scratch.squares[r] = squares(in.parameter + r * columns, columns); });
    step *= std::max(options.scale_eps, root_mean_square(scratch.squares, all_rows, columns));
  }

  each_row([&](int64_t r) {
    const float mean =
        squares(gradient + r * columns, columns) / static_cast<float>(columns) + options.eps;
    out.row[r] = options.keep * in.row[r] + (1 - options.keep) * mean;
  });
  auto of_columns = GRAFT_DISPATCH(adafactor_columns);
  for (int64_t i = 0; i < count; ++i) {
    parallel_ranges(
        columns, std::max<int64_t>(kAdafactorGrain / rows, 1),
        [&](int64_t begin, int64_t end) {
          of_columns(options, gradient + i * rows * columns, rows, columns, begin, end,
                     in.col + i * columns, out.col + i * columns);
        },
        16);
    double sum = 0;
    for (int64_t r = i * rows; r < (i + 1) * rows; ++r) sum += out.row[r];
    const auto mean = static_cast<float>(sum / static_cast<double>(rows));
    for (int64_t r = i * rows; r < (i + 1) * rows; ++r) {
      scratch.row_factors[r] = 1.0f / std::sqrt(out.row[r] / mean);
    }
  }
  for (int64_t c = 0; c < count * columns; ++c) {
    scratch.col_factors[c] = 1.0f / std::sqrt(out.col[c]);
  }

  const auto col_factors = [&](int64_t r) { return scratch.col_factors + r / rows * columns; };
  auto row_of_u = GRAFT_DISPATCH(adafactor_row_of_u);
  each_row([&](int64_t r) {
    scratch.squares[r] =
        row_of_u(gradient + r * columns, scratch.row_factors[r], col_factors(r), columns);
  });
  const float excess =
      std::max(1.0f, root_mean_square(scratch.squares, all_rows, columns) / options.clip_threshold);
  auto row_step = GRAFT_DISPATCH(adafactor_row_step);
  each_row([&](int64_t r) {
    const int64_t at = r * columns;
    row_step(step / excess, step * options.weight_decay, options.beta1, gradient + at,
             scratch.row_factors[r], col_factors(r), columns, in.parameter + at,
             in.m == nullptr ? nullptr : in.m + at, out.parameter + at,
             out.m == nullptr ? nullptr : out.m + at);
  });
}

}  // namespace graft::kernels
#endif
