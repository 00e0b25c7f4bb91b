#include "graft/trunk/example_key.h"

#include <charconv>
#include <string>

#include "graft/hub/hash.h"

namespace graft::trunk {
namespace {

constexpr int kHalf = 16;  // digits of 64 bits

uint64_t from_digits(const char* begin) {
  uint64_t number = 0;
  std::from_chars(begin, begin + kHalf, number, 16);
  return number;
}

}  // namespace

ExampleKey key_of(std::span<const int32_t> ids) {
  const std::string digits =
      hub::sha256({reinterpret_cast<const char*>(ids.data()), ids.size_bytes()});
  return {from_digits(digits.data()), from_digits(digits.data() + kHalf)};
}

}  // namespace graft::trunk
