#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>
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

void note_signal(int number) {
  signalled = 1;
  std::signal(number, SIG_DFL);
}

// Ignored signals stay ignored: a shell ignores SIGINT for what it starts in the background.
void handle_by(void (*handler)(int)) {
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction before {};
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    std::signal(number, handler);
  }
}

}  // namespace

InterruptGuard::InterruptGuard() {
  signalled = 0;
  handle_by(note_signal);
}

InterruptGuard::~InterruptGuard() { handle_by(SIG_DFL); }

InterruptNotice::InterruptNotice(std::string line) : line_(std::move(line)) {
  notice = line_.c_str();
  handle_by(end_with_notice);
}

InterruptNotice::~InterruptNotice() { handle_by(SIG_DFL); }

bool interrupted() { return signalled != 0; }

}  // namespace graft::cli
