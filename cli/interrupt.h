#pragma once

#include <string>

namespace graft::cli {

/// While it lives, the first Ctrl-C (SIGINT) or SIGTERM is only recorded (see `interrupted`), so
/// that the program can end in order; a second one ends it at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// Whether an InterruptGuard has noted a signal.
bool interrupted();

/// While it lives, Ctrl-C and SIGTERM print a line and then end the program at once, as usual.
class InterruptNotice {
 public:
  explicit InterruptNotice(std::string line);
  ~InterruptNotice();
  InterruptNotice(const InterruptNotice&) = delete;
  InterruptNotice& operator=(const InterruptNotice&) = delete;

 private:
  std::string line_;
};

}  // namespace graft::cli
