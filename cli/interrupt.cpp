#include "cli/interrupt.h"

#include <csignal>

namespace graft::cli {
namespace {

volatile std::sig_atomic_t signalled = 0;

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

bool InterruptGuard::interrupted() const { return signalled != 0; }

}  // namespace graft::cli
