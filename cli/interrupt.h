#pragma once

#include <string>

namespace graft::cli {

/// While it lives, the first Ctrl-C (SIGINT) or SIGTERM is noted, for the program to end in order
/// (`interrupted`); a second one ends it at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// Whether an InterruptGuard has noted a signal.
bool interrupted();

/// While it lives, Ctrl-C and SIGTERM end the program at once, as they do else, after a line.
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
