#include "cli/interrupt.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

namespace graft::cli {
namespace {

volatile std::sig_atomic_t signalled = 0;

const char* notice = nullptr;

// Only what a signal's handler may do.
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

}  // namespace

InterruptGuard::InterruptGuard() {
  signalled = 0;
  std::signal(SIGINT, note_signal);
  std::signal(SIGTERM, note_signal);
}

InterruptGuard::~InterruptGuard() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

InterruptNotice::InterruptNotice(std::string line) : line_(std::move(line)) {
  notice = line_.c_str();
  std::signal(SIGINT, end_with_notice);
  std::signal(SIGTERM, end_with_notice);
}

InterruptNotice::~InterruptNotice() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptGuard::interrupted() const { return signalled != 0; }

}  // namespace graft::cli
