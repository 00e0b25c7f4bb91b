#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#ifdef __APPLE__
#include <util.h>
#else
#include <pty.h>
#endif

#include "tests/support/program.h"

namespace graft::testing {

struct TerminalOptions {
  fs::path folder = {};                       // to run in
  std::vector<std::string> environment = {};  // "NAME=value"
  unsigned short columns = 80;
  // Called with all that was shown so far, whenever more is; what it returns is typed.
  std::function<std::string(const std::string& shown)> type = {};
};

struct TerminalResult {
  int code = -1;      // as ProgramResult's
  std::string shown;  // every byte that went to the terminal
};

/// Runs the graft program in a terminal, as a person does.
inline TerminalResult run_in_terminal(const std::vector<std::string>& arguments,
                                      const TerminalOptions& options) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = options.columns;
  int terminal = -1;
  std::fflush(nullptr);  // else the fork writes it too
  pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    // What the terminal itself does at Ctrl-C, show "^C" and drop what was not read yet, is left
    // out: the program's own bytes are asked for.
    termios mode{};
    ::tcgetattr(STDIN_FILENO, &mode);
    mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    mode.c_lflag |= NOFLSH;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &mode);
    if (::chdir(options.folder.c_str()) != 0) ::_exit(127);
    ::setenv("TERM", "xterm", 1);
    become_program(arguments, options.environment);
  }
  TerminalResult result;
  char buffer[4096];
  // The end is an error or no bytes, as the system has it.
  for (ssize_t got = 0; (got = ::read(terminal, buffer, sizeof buffer)) > 0;) {
    result.shown.append(buffer, static_cast<size_t>(got));
    if (!options.type) continue;
    std::string keys = options.type(result.shown);
    if (::write(terminal, keys.data(), keys.size()) < 0) break;
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  result.code = exit_code(status);
  return result;
}

/// What a terminal of endless width makes of what was shown.
struct Screen {
  std::vector<std::string> lines;   // that stay
  std::vector<std::string> states;  // of the line at the bottom, that were drawn over
  std::string last;                 // where the cursor is left
  size_t unknown = 0;               // control characters of other kinds
};

inline Screen replay(const std::string& shown) {
  Screen screen;
  size_t column = 0;
  for (size_t i = 0; i < shown.size(); ++i) {
    char c = shown[i];
    if (shown.compare(i, 3, "\x1b[K") == 0) {  // clear from the cursor on
      if (column == 0 && !screen.last.empty()) screen.states.push_back(screen.last);
      screen.last.resize(std::min(column, screen.last.size()));
      i += 2;
    } else if (c == '\r') {
      column = 0;
    } else if (c == '\n') {
      screen.lines.push_back(screen.last);
      screen.last.clear();
    } else if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
      ++screen.unknown;
    } else {
      screen.last.resize(std::max(screen.last.size(), column + 1), ' ');
      screen.last[column++] = c;
    }
  }
  return screen;
}

}  // namespace graft::testing
