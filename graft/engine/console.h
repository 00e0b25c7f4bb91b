#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "graft/base/front_end.h"

namespace graft::engine {

struct ConsoleOptions {
  /// Rewords a message of the library for this program; empty: messages stay as they are.
  std::function<std::string(std::string_view)> words = {};
  /// Whether the current work should stop; empty: never.
  std::function<bool()> cancelled = {};
  /// Whether nothing is to be said; empty: never.
  std::function<bool()> muted = {};
};

/// A front end that writes without delay: results to standard output, and to standard error notes
/// as they are, warnings after "warning: ", and, if it is a terminal, progress as lines that are
/// redrawn in place. Control characters are escaped. What cannot be written to standard error is
/// lost; when standard output is, the current work should stop.
std::shared_ptr<FrontEnd> make_console(ConsoleOptions options = {});

}  // namespace graft::engine
