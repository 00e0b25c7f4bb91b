#pragma once

#include <csignal>
#include <initializer_list>
#include <map>
#include <string>

namespace graft::cli {

/// While it lives, signals that ask the program to end have another handler. Those that were
/// ignored stay ignored: a shell ignores SIGINT for what it starts in the background, nohup SIGHUP.
class SignalScope {
 public:
  SignalScope(std::initializer_list<int> signals, void (*handler)(int));
  ~SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;

  /// From now on the signal is ignored, also when this ends.
  void leave_ignored(int number);

 private:
  std::map<int, struct sigaction> before_;
};

/// While it lives, the first Ctrl-C (SIGINT), SIGTERM, SIGUSR1 (of batch systems, before time is
/// up) or loss of the terminal (SIGHUP) is only recorded (see `interrupted`), so that the program
/// can end in order. A second SIGINT or SIGTERM ends it at once; a further SIGHUP or SIGUSR1 never
/// does.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  SignalScope scope_;
};

/// Whether an InterruptGuard has noted a signal.
bool interrupted();

/// The exit code of what was interrupted, as shells have it: 128 + SIGINT.
inline constexpr int kInterruptedCode = 130;

/// While it lives, Ctrl-C and SIGTERM print a line and then end the program at once, as usual.
class InterruptNotice {
 public:
  explicit InterruptNotice(std::string line);

 private:
  struct Line {
    explicit Line(std::string text);
    ~Line();
    std::string text_;
    const char* before_;  // that of a notice around this one
  };
  Line line_;  // set before the handler that prints it
  SignalScope scope_;
};

}  // namespace graft::cli
