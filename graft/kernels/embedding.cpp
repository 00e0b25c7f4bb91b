#include "graft/kernels/embedding.h"

#include <cstddef>

#include "graft/base/error.h"
#include "graft/kernels/convert.h"

namespace graft::kernels {

void embedding(const LinearWeight& weight, const int32_t* ids, int64_t count, ScalarType type,
               void* out) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= weight.out) {
      fail("a token is id {} of a vocabulary of {}", ids[i], weight.out);
    }
  }
  if (weight.quantized) return dequantize_rows(weight.matrix, ids, count, type, out);
  const size_t row_bytes = static_cast<size_t>(weight.in) * size_of(type);
  for (int64_t i = 0; i < count; ++i) {
    convert(weight.type, rows_of(weight, ids[i], ids[i] + 1).data, type,
            static_cast<std::byte*>(out) + static_cast<size_t>(i) * row_bytes, weight.in);
  }
}

}  // namespace graft::kernels
