#include "graft/kernels/cross_entropy.h"

#include <cmath>
#include <limits>
#include <vector>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/cross_entropy.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// sum(exp(x)) over `count` logits as exp(max) * sum.
void block_log_sum(const float* x, int64_t count, float* max, double* sum) {
  const FloatTag d;
  const auto nothing = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto largest = nothing;
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    largest = hn::Max(largest, keep(d, load(d, x + i, lanes), nothing, lanes));
  });
  *max = max_of(d, largest);
  // Where all are -inf, exp(x - max) would be NaN, not 0.
  const auto shift = hn::Set(d, *max == -std::numeric_limits<float>::infinity() ? 0.0f : *max);
  auto total = hn::Zero(d);
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto e = exp(d, hn::Sub(load(d, x + i, lanes), shift));
    total = hn::Add(total, keep(d, e, hn::Zero(d), lanes));
  });
  *sum = double{sum_of(d, total)};
}

// gradient = scale * exp(logits - max) for columns [begin, end) of a row.
void block_gradient(const float* logits, float max, float scale, ScalarType type, void* gradient,
                    int64_t begin, int64_t end) {
  with_type(type, [=](auto tag) HWY_ATTR {
    using T = decltype(tag);
    const FloatTag d;
    T* out = static_cast<T*>(gradient);
    const auto shift = hn::Set(d, max);
    const auto factor = hn::Set(d, scale);
    for_vectors(hn::Lanes(d), begin, end, [=](int64_t i, auto lanes) HWY_ATTR {
      const auto e = exp(d, hn::Sub(load(d, logits + i, lanes), shift));
      store(d, hn::Mul(e, factor), out + i, lanes);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(block_log_sum);
HWY_EXPORT(block_gradient);

namespace {

// The columns of a row are summed by blocks of this many: they stay in the first-level cache
// between the search of the maximum and the sum.
constexpr int64_t kBlock = 4096;

// sum(exp(x)) = exp(max) * sum
struct LogSum {
  float max;
  double sum;
};

// The blocks of one row together, in their order.
LogSum combine(const LogSum* blocks, int64_t count) {
  LogSum total = blocks[0];
  for (int64_t i = 1; i < count; ++i) total.max = std::max(total.max, blocks[i].max);
  if (total.max == -std::numeric_limits<float>::infinity()) total.max = 0.0f;
  total.sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    total.sum += blocks[i].sum * std::exp(double{blocks[i].max} - total.max);
  }
  return total;
}

struct Call {
  const CrossEntropyShape& shape;
  const float* logits;
  const int32_t* targets;
  const float* weights;
  float* losses;
  void* gradient;
  void (*log_sum)(const float* x, int64_t count, float* max, double* sum);
  void (*exponentials)(const float* logits, float max, float scale, ScalarType type, void* gradient,
                       int64_t begin, int64_t end);

  int64_t blocks() const { return (shape.vocab + kBlock - 1) / kBlock; }
  int64_t end(int64_t block) const { return std::min(shape.vocab, (block + 1) * kBlock); }
  const float* row_logits(int64_t row) const { return logits + row * shape.vocab; }

  LogSum sum_block(int64_t row, int64_t block) const {
    LogSum result;
    const int64_t begin = block * kBlock;
    log_sum(row_logits(row) + begin, end(block) - begin, &result.max, &result.sum);
    return result;
  }

  double log_probability(int64_t row, const LogSum& total) const {
    return double{row_logits(row)[targets[row]]} - total.max - std::log(total.sum);
  }

  void write_block(int64_t row, int64_t block, const LogSum& total) const {
    const float scale = static_cast<float>(weights[row] / total.sum);
    char* out = static_cast<char*>(gradient) +
                static_cast<size_t>(row * shape.vocab) * size_of(shape.gradient_type);
    exponentials(row_logits(row), total.max, scale, shape.gradient_type, out, block * kBlock,
                 end(block));
  }

  void write_target(int64_t row, double log_p) const {
    store_scalar(shape.gradient_type, gradient, row * shape.vocab + targets[row],
                 static_cast<float>(weights[row] * (std::exp(log_p) - 1)));
  }
};

// Each thread takes whole rows: what was read for the sum is read for the gradient from the cache.
void by_rows(const Call& call, int64_t grain) {
  parallel_ranges(call.shape.rows, grain, [&](int64_t begin, int64_t end) {
    std::vector<LogSum> sums(static_cast<size_t>(call.blocks()));
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t b = 0; b < call.blocks(); ++b) {
        sums[static_cast<size_t>(b)] = call.sum_block(row, b);
      }
      const LogSum total = combine(sums.data(), call.blocks());
      const double log_p = call.log_probability(row, total);
      if (call.losses != nullptr) call.losses[row] = static_cast<float>(-log_p);
      if (call.gradient == nullptr) continue;
      for (int64_t b = 0; b < call.blocks(); ++b) call.write_block(row, b, total);
      call.write_target(row, log_p);
    }
  });
}

// Rows too few for the threads: blocks of all rows are shared out.
void by_blocks(const Call& call, int64_t grain) {
  const int64_t blocks = call.blocks(), rows = call.shape.rows;
  std::vector<LogSum> sums(static_cast<size_t>(rows * blocks));
  parallel_ranges(rows * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      sums[static_cast<size_t>(i)] = call.sum_block(i / blocks, i % blocks);
    }
  });
  std::vector<LogSum> totals(static_cast<size_t>(rows));
  std::vector<double> log_ps(static_cast<size_t>(rows));
  for (int64_t row = 0; row < rows; ++row) {
    const size_t r = static_cast<size_t>(row);
    totals[r] = combine(&sums[static_cast<size_t>(row * blocks)], blocks);
    log_ps[r] = call.log_probability(row, totals[r]);
    if (call.losses != nullptr) call.losses[row] = static_cast<float>(-log_ps[r]);
  }
  if (call.gradient == nullptr) return;
  parallel_ranges(rows * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      call.write_block(i / blocks, i % blocks, totals[static_cast<size_t>(i / blocks)]);
    }
  });
  for (int64_t row = 0; row < rows; ++row) call.write_target(row, log_ps[static_cast<size_t>(row)]);
}

}  // namespace

void cross_entropy(const CrossEntropyShape& shape, const float* logits, const int32_t* targets,
                   const float* weights, float* losses, void* gradient) {
  if (shape.rows <= 0 || shape.vocab <= 0) return;
  const Call call{shape,
                  logits,
                  targets,
                  weights,
                  losses,
                  gradient,
                  GRAFT_DISPATCH(block_log_sum),
                  GRAFT_DISPATCH(block_gradient)};
  const bool many_rows = shape.rows >= 8 * int64_t{num_threads()};
  if (many_rows || call.blocks() == 1) {
    by_rows(call, 2 * kBlock / (shape.vocab + 1) + 1);
  } else {
    by_blocks(call, 2);
  }
}

}  // namespace graft::kernels
#endif
