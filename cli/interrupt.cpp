#include "cli/interrupt.h"

#include <unistd.h>

#include <cstring>
#include <utility>

namespace graft::cli {
namespace {

volatile std::sig_atomic_t signalled = 0;

const char* notice = nullptr;

// Only async-signal-safe calls.
void end_with_notice(int number) {
  const auto say = [](const char* text) {
    return ::write(STDERR_FILENO, text, std::strlen(text)) >= 0;
  };
  if (say("\n") && say(notice)) say("\n");
  std::signal(number, SIG_DFL);
  std::raise(number);
}

// A terminal that goes away sends SIGHUP more than once.
void note_signal(int number) {
  signalled = 1;
  if (number == SIGINT || number == SIGTERM) std::signal(number, SIG_DFL);
}

}  // namespace

SignalScope::SignalScope(std::initializer_list<int> signals, void (*handler)(int)) {
  for (const int number : signals) {
    struct sigaction before {};
    if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(number, &action, nullptr) == 0) before_.emplace(number, before);
  }
}

SignalScope::~SignalScope() {
  for (const auto& [number, before] : before_) ::sigaction(number, &before, nullptr);
}

void SignalScope::leave_ignored(int number) {
  if (before_.erase(number) != 0) std::signal(number, SIG_IGN);
}

InterruptGuard::InterruptGuard() : scope_({SIGINT, SIGTERM, SIGHUP, SIGUSR1}, note_signal) {
  signalled = 0;
}

InterruptGuard::~InterruptGuard() {
  // The further hang-ups of a terminal that went away do not cut short what is said at the end.
  if (interrupted()) scope_.leave_ignored(SIGHUP);
}

bool interrupted() { return signalled != 0; }

InterruptNotice::Line::Line(std::string text) : text_(std::move(text)), before_(notice) {
  notice = text_.c_str();
}

InterruptNotice::Line::~Line() { notice = before_; }

InterruptNotice::InterruptNotice(std::string line)
    : line_(std::move(line)), scope_({SIGINT, SIGTERM}, end_with_notice) {}

}  // namespace graft::cli
