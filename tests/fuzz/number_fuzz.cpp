// Looks for the last number of a text.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "graft/evaluation/number.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto number = graft::evaluation::last_number({reinterpret_cast<const char*>(data), size});
  if (number && !std::isfinite(*number)) __builtin_trap();
  return 0;
}
