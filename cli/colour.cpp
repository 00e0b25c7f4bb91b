#include "cli/colour.h"

#include <unistd.h>

#include <cstdlib>

namespace graft::cli {

bool stdout_has_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace graft::cli
