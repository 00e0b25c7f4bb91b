// What the kernels of all norms share. Included once an instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_NORM_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_NORM_ROWS_INL_H_
#undef GRAFT_KERNELS_NORM_ROWS_INL_H_
#else
#define GRAFT_KERNELS_NORM_ROWS_INL_H_
#endif

#include "graft/kernels/norm_rows.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Row `row` of data [rows, width] of T; null stays null.
template <class T>
HWY_INLINE const T* row_of(const void* data, int64_t row, int64_t width) {
  return data == nullptr ? nullptr : static_cast<const T*>(data) + row * width;
}
template <class T>
HWY_INLINE T* row_of(void* data, int64_t row, int64_t width) {
  return data == nullptr ? nullptr : static_cast<T*>(data) + row * width;
}

/// Calls body(T{}, W{}, row) for rows [begin, end), with the types of the hidden states and of the
/// weight. The body is a generic lambda marked HWY_ATTR.
template <class Body>
HWY_INLINE void for_norm_rows(const NormShape& shape, int64_t begin, int64_t end, Body&& body) {
  with_type(shape.type, [&](auto tag) HWY_ATTR {
    with_type(shape.weight_type, [&](auto weight_tag) HWY_ATTR {
      for (int64_t row = begin; row < end; ++row) body(tag, weight_tag, row);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
