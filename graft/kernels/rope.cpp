#include "graft/kernels/rope.h"

#include "graft/base/error.h"
#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/rope.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// cos and sin are [half].
template <class T>
void rope_head(int64_t head_dim, int64_t half, const T* x, const float* cos, const float* sin,
               bool inverse, T* out) {
  const FloatTag d;
  const auto sign = hn::Set(d, inverse ? -1.0f : 1.0f);
  for_vectors(hn::Lanes(d), 0, half, [=](int64_t i, auto lanes) HWY_ATTR {
    const auto c = load(d, cos + i, lanes);
    const auto s = hn::Mul(load(d, sin + i, lanes), sign);
    const auto a = load(d, x + i, lanes);
    const auto b = load(d, x + half + i, lanes);
    store(d, hn::NegMulAdd(b, s, hn::Mul(a, c)), out + i, lanes);
    store(d, hn::MulAdd(a, s, hn::Mul(b, c)), out + half + i, lanes);
  });
  if (out != x && 2 * half < head_dim) {
    std::memcpy(out + 2 * half, x + 2 * half, static_cast<size_t>(head_dim - 2 * half) * sizeof(T));
  }
}

void rope_rows(const RopeShape& shape, const void* x, const float* cos, const float* sin,
               bool inverse, void* out, int64_t begin, int64_t end) {
  const int64_t half = shape.rotary_dim / 2;
  with_type(shape.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t head = 0; head < shape.heads; ++head) {
        const int64_t at = (row * shape.heads + head) * shape.head_dim;
        rope_head(shape.head_dim, half, static_cast<const T*>(x) + at, cos + row * half,
                  sin + row * half, inverse, static_cast<T*>(out) + at);
      }
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(rope_rows);

void rope(const RopeShape& shape, const void* x, const float* cos, const float* sin, bool inverse,
          void* out) {
  constexpr int64_t kGrain = 1 << 14;  // elements that are worth a thread
  if (shape.rotary_dim < 0 || shape.rotary_dim % 2 != 0 || shape.rotary_dim > shape.head_dim) {
    fail(
        "RoPE rotates pairs of dimensions: rotary_dim must be even and from 0 to head_dim, found "
        "rotary_dim {} with head_dim {}",
        shape.rotary_dim, shape.head_dim);
  }
  auto rows = GRAFT_DISPATCH(rope_rows);
  const int64_t width = shape.heads * shape.head_dim;
  parallel_ranges(shape.rows, kGrain / (width + 1) + 1, [&](int64_t begin, int64_t end) {
    rows(shape, x, cos, sin, inverse, out, begin, end);
  });
}

}  // namespace graft::kernels
#endif
