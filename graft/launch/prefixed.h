#pragma once

#include <string>
#include <string_view>

namespace graft::launch {

/// What a process writes, as whole lines that begin with its name.
class Prefixed {
 public:
  explicit Prefixed(std::string prefix) : prefix_(std::move(prefix)) {}

  /// The lines that these bytes complete, each with its prefix. A line of more than 64 KB is cut
  /// into several.
  std::string take(std::string_view bytes);
  /// What was begun, as a line.
  std::string rest();

 private:
  std::string prefix_, begun_;
};

}  // namespace graft::launch
