#include "graft/io/finite.h"

#include <mlx/ops.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "graft/base/error.h"
#include "graft/base/thread_pool.h"

namespace graft::io {
namespace {

constexpr int64_t kPart = int64_t{1} << 20;  // numbers

// A number is not finite if all bits of its exponent are set.
template <class Bits>
bool finite(const Bits* numbers, int64_t count, Bits exponent) {
  std::atomic<bool> all = true;
  run_parts((count + kPart - 1) / kPart, [&](int64_t part, int) {
    const Bits* begin = numbers + part * kPart;
    const int64_t size = std::min(kPart, count - part * kPart);
    Bits found = 0;  // no early end, so that the loop is vectorized
    for (int64_t i = 0; i < size; ++i) {
      found |= static_cast<Bits>((begin[i] & exponent) == exponent);
    }
    if (found != 0) all = false;
  });
  return all;
}

}  // namespace

bool all_finite(mx::array values) {
  if (!mx::issubdtype(values.dtype(), mx::floating) || values.size() == 0) return true;
  if (values.dtype() == mx::float64) values = mx::astype(values, mx::float32);
  values = mx::contiguous(values);
  values.eval();
  const auto count = static_cast<int64_t>(values.size());
  if (values.dtype() == mx::float32) {
    return finite(values.data<uint32_t>(), count, uint32_t{0x7f800000});
  }
  const uint16_t exponent = values.dtype() == mx::bfloat16 ? 0x7f80 : 0x7c00;
  return finite(values.data<uint16_t>(), count, exponent);
}

void check_finite(const mx::array& values, const std::string& name) {
  if (!all_finite(values)) fail("{} holds numbers that are NaN or infinite", name);
}

}  // namespace graft::io
