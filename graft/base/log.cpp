#include "graft/base/log.h"

#include <cstdio>

namespace graft {

void note_line(std::string_view line) {
  fmt::print(stderr, "{}\n", line);
  std::fflush(stderr);
}

void warn_line(std::string_view line) {
  fmt::print(stderr, "warning: {}\n", line);
  std::fflush(stderr);
}

}  // namespace graft
