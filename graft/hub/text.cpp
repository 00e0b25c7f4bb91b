#include "graft/hub/text.h"

#include <algorithm>

namespace graft::hub {
namespace {

constexpr size_t kShort = 200;

}  // namespace

bool has_control_characters(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 =
        c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c < 32 || c == 127 || c1) return true;
  }
  return false;
}

std::string printable(std::string_view text) {
  std::string result(text.substr(0, kShort));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < 32 || c == 127; }, '?');
  return result;
}

}  // namespace graft::hub
