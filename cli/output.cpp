#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "graft/base/error.h"
#include "graft/base/terminal.h"

namespace graft::cli {

namespace {
std::atomic<bool> muted = false;
}

void mute_output() { muted = true; }

bool output_is_muted() { return muted; }

void print_raw(std::string_view text) {
  if (!muted) std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_error_raw(std::string_view text) { write_error(text); }

void print_json(const ordered_json& result) {
  print_raw(result.dump(2, ' ', true, ordered_json::error_handler_t::replace) + "\n");
}

void print_text(std::string_view text) {
  static const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  print_raw(terminal ? printable(text) : text);
  finish_output();
}

void finish_output() {
  const bool flushed = std::fflush(stdout) == 0;
  if (!flushed && errno == EPIPE) throw ReaderGone("nobody reads standard output");
  if (flushed && std::ferror(stdout) == 0) return;
  fail("cannot write all of standard output: what it leads to is full or closed");
}

void occupy_standard_streams() {
  for (;;) {
    // For reading alone: what is written there fails, as it would have.
    const int descriptor = ::open("/dev/null", O_RDONLY);
    if (descriptor < 0) return;
    if (descriptor > STDERR_FILENO) {
      ::close(descriptor);
      return;
    }
  }
}

}  // namespace graft::cli
