#include "graft/kernels/divergence.h"

#include <cmath>

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/divergence.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/exponentials-inl.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace {

// log sum e^x of a row.
float log_sum_exp(const float* x, int64_t count) {
  const float shift = largest_of(x, count);
  const auto nothing = [](auto&&...) HWY_ATTR {};
  return shift + std::log(sum_of_exponentials(x, count, shift, nothing));
}

}  // namespace

// Rows [begin, end).
void diverge_rows(const DivergenceRows& r, float* out, float* gradient, int64_t begin,
                  int64_t end) {
  const FloatTag d;
  for (int64_t row = begin; row < end; ++row) {
    const float* predicted = r.predicted + row * r.count;
    const float* wanted = r.wanted + row * r.count;
    const auto of_predicted = hn::Set(d, log_sum_exp(predicted, r.count));
    const auto of_wanted = hn::Set(d, log_sum_exp(wanted, r.count));
    const auto weight = hn::Set(d, r.weights[row]);
    auto total = hn::Zero(d);
    for_vectors(hn::Lanes(d), 0, r.count, [&](int64_t i, auto lanes) HWY_ATTR {
      const auto log_q = hn::Sub(load(d, predicted + i, lanes), of_predicted);
      const auto log_p = hn::Sub(load(d, wanted + i, lanes), of_wanted);
      const auto p = exp(d, log_p);
      const auto term = hn::Mul(p, hn::Sub(log_p, log_q));
      total = hn::Add(total, keep(d, term, hn::Zero(d), lanes));
      if (gradient == nullptr) return;
      store(d, hn::Mul(weight, hn::Sub(exp(d, log_q), p)), gradient + row * r.count + i, lanes);
    });
    out[row] = sum_of(d, total);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(diverge_rows);

void divergence(const DivergenceRows& rows, float* out, float* gradient) {
  constexpr int64_t kGrain = 1 << 13;  // scores that are worth a thread
  const auto diverge = GRAFT_DISPATCH(diverge_rows);
  parallel_ranges(rows.rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, rows.count)),
                  [&](int64_t begin, int64_t end) { diverge(rows, out, gradient, begin, end); });
}

}  // namespace graft::kernels
#endif
