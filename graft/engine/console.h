#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "graft/base/front_end.h"

namespace graft::engine {

struct ConsoleOptions {
  /// Puts a message of the library into the words of a program; none: as it is.
  std::function<std::string(std::string_view)> words = {};
  /// Whether what is done shall stop; none: never.
  std::function<bool()> cancelled = {};
};

/// A front end that writes to standard error, at once: notes as they are, warnings after
/// "warning: ", and, where that is a terminal, what is on its way as lines that are drawn over.
std::shared_ptr<FrontEnd> make_console(ConsoleOptions options = {});

}  // namespace graft::engine
