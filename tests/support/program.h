#pragma once

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::testing {

struct ProgramResult {
  int code = -1;  // the exit code; 128 + the signal that ended it
  std::string out, err;
  size_t peak_memory = 0;  // bytes
};

struct ProgramOptions {
  fs::path folder = {};                       // to run in
  std::vector<std::string> environment = {};  // "NAME=value"
  std::string input = {};                     // standard input
  fs::path output = {};                       // where standard output goes, if not to the result
  // Where standard error goes, if not to the result; "": it is closed.
  std::optional<fs::path> error = {};
  // Files cannot grow beyond so many bytes, as on a full disk.
  std::optional<rlim_t> file_size_limit = {};
  // All its memory, its libraries and its threads' stacks take no more addresses.
  std::optional<rlim_t> address_space = {};
  // Called again and again while it runs, with its process and what it has written so far.
  std::function<void(pid_t, const std::string& out)> watch = {};
};

/// Makes this process, a fork, the graft program.
[[noreturn]] inline void become_program(const std::vector<std::string>& arguments,
                                        const std::vector<std::string>& environment) {
  for (const std::string& variable : environment) ::putenv(const_cast<char*>(variable.c_str()));
  std::vector<char*> argv = {const_cast<char*>("graft")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(program().c_str(), argv.data());
  ::_exit(127);
}

/// The exit code; 128 + the signal that ended it.
inline int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Runs the graft program with files for standard input and output, as in a script.
inline ProgramResult run_program(const std::vector<std::string>& arguments,
                                 const ProgramOptions& options) {
  TempFolder files;
  write_bytes(files / "in", options.input);
  std::fflush(nullptr);  // else the fork writes it too
  pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(options.folder.c_str()) != 0) ::_exit(127);
    if (std::freopen((files / "in").c_str(), "r", stdin) == nullptr) ::_exit(127);
    fs::path out = options.output.empty() ? files / "out" : options.output;
    if (std::freopen(out.c_str(), "w", stdout) == nullptr) ::_exit(127);
    const fs::path err = options.error.value_or(files / "err");
    if (err.empty())
      ::close(STDERR_FILENO);
    else if (std::freopen(err.c_str(), "w", stderr) == nullptr)
      ::_exit(127);
    if (options.file_size_limit) {
      rlimit limit{*options.file_size_limit, *options.file_size_limit};
      if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(127);
    }
    if (options.address_space) {
      rlimit limit{*options.address_space, *options.address_space};
      if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(127);
    }
    become_program(arguments, options.environment);
  }
  int status = 0;
  rusage used{};
  while (::wait4(child, &status, options.watch ? WNOHANG : 0, &used) == 0) {
    options.watch(child, read_bytes(files / "out"));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ProgramResult result;
  result.code = exit_code(status);
  if (options.output.empty()) result.out = read_bytes(files / "out");
  if (!options.error) result.err = read_bytes(files / "err");
    // Of this process before it became the program, if that was more. The unit is the system's.
#ifdef __APPLE__
  result.peak_memory = static_cast<size_t>(used.ru_maxrss);
#else
  result.peak_memory = static_cast<size_t>(used.ru_maxrss) * 1024;
#endif
  return result;
}

}  // namespace graft::testing
