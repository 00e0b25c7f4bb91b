#pragma once

namespace graft::cli {

/// While it lives, the first Ctrl-C (SIGINT) or SIGTERM is noted, for the program to end in order;
/// a second one ends it at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;
};

}  // namespace graft::cli
