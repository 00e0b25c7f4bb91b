#include "graft/kernels/online_softmax.h"

#include <cmath>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/online_softmax.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/exponentials-inl.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace {

// Returns the sum of e^(x - shift). Unless `out` is null, writes each term to it, times 1 - (x /
// soft_cap)^2 with a soft cap.
template <class T>
float exponentials(const float* x, int64_t count, float shift, float soft_cap, T* out) {
  const FloatTag d;
  const auto one = hn::Set(d, 1.0f), inverse = hn::Set(d, soft_cap > 0 ? 1 / soft_cap : 0.0f);
  const auto write = [&](int64_t i, auto logit, auto e, auto lanes) HWY_ATTR {
    if (out == nullptr) return;
    const auto t = hn::Mul(logit, inverse);
    store(d, soft_cap > 0 ? hn::Mul(e, hn::NegMulAdd(t, t, one)) : e, out + i, lanes);
  };
  return sum_of_exponentials(x, count, shift, write);
}

void add_bias(float* x, int64_t count, const float* bias) {
  const FloatTag d;
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    store(d, hn::Add(load(d, x + i, lanes), load(d, bias + i, lanes)), x + i, lanes);
  });
}

void cap_softly(float* x, int64_t count, float soft_cap) {
  const FloatTag d;
  const auto cap = hn::Set(d, soft_cap), inverse = hn::Set(d, 1 / soft_cap);
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    store(d, hn::Mul(cap, tanh(d, hn::Mul(load(d, x + i, lanes), inverse))), x + i, lanes);
  });
}

void scale(float* x, int64_t count, float factor) {
  const FloatTag d;
  const auto factors = hn::Set(d, factor);
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    store(d, hn::Mul(load(d, x + i, lanes), factors), x + i, lanes);
  });
}

}  // namespace

void softmax_rows(const SoftmaxBlock& b, OnlineSoftmax* rows, int64_t begin, int64_t end) {
  constexpr float kNothing = -std::numeric_limits<float>::infinity();
  with_type(b.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    for (int64_t r = begin; r < end; ++r) {
      OnlineSoftmax& row = rows[r];
      float* x = b.logits + r * b.columns;
      if (b.bias != nullptr) add_bias(x, b.columns, b.bias);
      if (b.soft_cap > 0) cap_softly(x, b.columns, b.soft_cap);
      const int64_t target = b.targets[r] - b.first_column;
      const bool has_target = target >= 0 && target < b.columns;
      if (has_target) row.target = x[target];
      if (const float largest = largest_of(x, b.columns); largest > row.max) {
        const float factor = static_cast<float>(std::exp(double{row.max} - largest));
        row.sum *= factor;
        if (b.weighted != nullptr && row.max != kNothing) {
          scale(b.weighted + r * b.width, b.width, factor);
        }
        row.max = largest;
      }
      // If all are -inf, e^(x - max) would be NaN, not 0.
      const float shift = row.max == kNothing ? 0.0f : row.max;
      T* out = b.numerators == nullptr ? nullptr : static_cast<T*>(b.numerators) + r * b.columns;
      row.sum += double{exponentials(x, b.columns, shift, b.soft_cap, out)};
      if (has_target && out != nullptr) out[target] = T{};
    }
  });
}

void weighted_sum_row(int64_t count, const float factors[2], const float* x, const float* y,
                      ScalarType out_type, void* out) {
  const FloatTag d;
  const auto fx = hn::Set(d, factors[0]), fy = hn::Set(d, factors[1]);
  with_type(out_type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    T* outs = static_cast<T*>(out);
    for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
      const auto scaled = hn::Mul(fy, load(d, y + i, lanes));
      store(d, hn::MulAdd(fx, load(d, x + i, lanes), scaled), outs + i, lanes);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(softmax_rows);
HWY_EXPORT(weighted_sum_row);

double OnlineSoftmax::loss() const { return std::log(sum) + (double{max} - target); }

double OnlineSoftmax::target_gradient(float soft_cap) const {
  const double share = soft_cap > 0 ? double{target} / soft_cap : 0;
  return (std::exp(-loss()) - 1) * (1 - share * share);
}

void online_softmax(const SoftmaxBlock& block, OnlineSoftmax* rows) {
  constexpr int64_t kGrain = 1 << 13;  // logits that are worth a thread
  auto range = GRAFT_DISPATCH(softmax_rows);
  parallel_ranges(
      block.rows, kGrain / (block.columns + 1) + 1,
      [&](int64_t begin, int64_t end) { range(block, rows, begin, end); }, 1, 4);
}

void weighted_sum(int64_t count, const float factors[2], const float* x, const float* y,
                  ScalarType out_type, void* out) {
  GRAFT_DISPATCH(weighted_sum_row)(count, factors, x, y, out_type, out);
}

}  // namespace graft::kernels
#endif
