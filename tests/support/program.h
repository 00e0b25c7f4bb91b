#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_folder.h"

namespace graft::testing {

struct ProgramResult {
  int code = -1;  // the exit code; 128 + the signal that ended it
  std::string out, err;
};

struct ProgramOptions {
  fs::path folder = {};                       // to run in
  std::vector<std::string> environment = {};  // "NAME=value"
  std::string input = {};                     // standard input
  // Called again and again while it runs, with its process and what it has written so far.
  std::function<void(pid_t, const std::string& out)> watch = {};
};

/// Runs the graft program with pipes for files, as in a script.
inline ProgramResult run_program(const std::vector<std::string>& arguments,
                                 const ProgramOptions& options) {
  TempFolder files;
  write_bytes(files / "in", options.input);
  pid_t child = ::fork();
  if (child == 0) {
    if (::chdir(options.folder.c_str()) != 0) ::_exit(127);
    if (std::freopen((files / "in").c_str(), "r", stdin) == nullptr) ::_exit(127);
    if (std::freopen((files / "out").c_str(), "w", stdout) == nullptr) ::_exit(127);
    if (std::freopen((files / "err").c_str(), "w", stderr) == nullptr) ::_exit(127);
    for (const std::string& variable : options.environment) {
      ::putenv(const_cast<char*>(variable.c_str()));
    }
    std::vector<char*> argv = {const_cast<char*>("graft")};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(GRAFT_PROGRAM, argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, options.watch ? WNOHANG : 0) == 0) {
    options.watch(child, read_bytes(files / "out"));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ProgramResult result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_bytes(files / "out");
  result.err = read_bytes(files / "err");
  return result;
}

}  // namespace graft::testing
