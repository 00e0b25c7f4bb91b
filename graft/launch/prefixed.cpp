#include "graft/launch/prefixed.h"

#include <algorithm>

namespace graft::launch {
namespace {
constexpr size_t kLongest = size_t{1} << 16;
}

std::string Prefixed::take(std::string_view bytes) {
  std::string lines;
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const size_t end = std::min(newline, bytes.size());
    begun_ += bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (newline == std::string_view::npos && begun_.size() <= kLongest) break;
    lines += prefix_ + begun_ + "\n";
    begun_.clear();
  }
  return lines;
}

std::string Prefixed::rest() {
  if (begun_.empty()) return {};
  std::string line = prefix_ + begun_ + "\n";
  begun_.clear();
  return line;
}

}  // namespace graft::launch
