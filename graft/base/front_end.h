#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/base/error.h"

namespace graft {

/// A task in progress, as one line of a screen can show it.
struct ProgressLine {
  double share = 0;                 // done so far, from 0 to 1
  std::vector<std::string> fields;  // details to show, the most important first
  std::vector<double> curve = {};  // a figure's course, the latest last, where there is room for it
};

/// The front end asked for the work to stop.
class Cancelled : public Error {
 public:
  using Error::Error;
};

/// The program that uses the library (a command line, a server, a window): receives messages while
/// something long is done, and decides whether it goes on. Called from any thread. This base class
/// shows nothing and never stops anything.
class FrontEnd {
 public:
  virtual ~FrontEnd() = default;

  /// A line of the results that were asked for, such as a training's losses.
  virtual void result_line(std::string_view) {}
  /// One line that a person should know but need not act on.
  virtual void note_line(std::string_view) {}
  /// One line about a possible problem.
  virtual void warn_line(std::string_view) {}
  /// The tasks now in progress, replacing those shown before; empty when all are done.
  virtual void progress(const std::vector<ProgressLine>&) {}
  /// Whether the current work should stop.
  virtual bool cancelled() const { return false; }

  template <class... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    note_line(fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    warn_line(fmt::format(format, std::forward<Args>(args)...));
  }
  /// Throws Cancelled if the current work should stop.
  void check_cancelled() const {
    if (cancelled()) throw Cancelled("interrupted");
  }
};

/// Shared by all callers that name no front end.
const std::shared_ptr<FrontEnd>& silent_front_end();

}  // namespace graft
