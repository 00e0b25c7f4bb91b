#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/base/error.h"

namespace graft {

/// Something that is on its way, as one line of a screen can show it.
struct ProgressLine {
  double share = 0;                 // that is done, from 0 to 1
  std::vector<std::string> fields;  // what is said of it, the most important first
};

/// The front end asked that a work stop.
class Cancelled : public Error {
 public:
  using Error::Error;
};

/// Whoever uses the library (a command line, a server, a window): takes what a person should know
/// while something long is done, and says whether it shall go on. Called from any thread. This one
/// shows nothing and never stops anything.
class FrontEnd {
 public:
  virtual ~FrontEnd() = default;

  /// One line that a person should know but need not act on.
  virtual void note_line(std::string_view) {}
  /// One line of what may be wrong.
  virtual void warn_line(std::string_view) {}
  /// What is on its way now, in place of what was shown before; nothing: it is done.
  virtual void progress(const std::vector<ProgressLine>&) {}
  /// Whether what is being done shall stop.
  virtual bool cancelled() const { return false; }

  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    note_line(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    warn_line(fmt::format(format, std::forward<Args>(args)...));
  }
  /// Throws Cancelled if what is being done shall stop.
  void check_cancelled() const {
    if (cancelled()) throw Cancelled("interrupted");
  }
};

/// One for all who name none.
const std::shared_ptr<FrontEnd>& silent_front_end();

}  // namespace graft
