#include "graft/launch/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "graft/base/error.h"

namespace graft::launch {
namespace {

constexpr auto kEndPatience = std::chrono::seconds(12);  // more than a keeper's

struct Pipe {
  int read = -1, write = -1;

  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) fail("no pipe can be made: {}", std::generic_category().message(errno));
    read = ends[0];
    write = ends[1];
    ::fcntl(read, F_SETFD, FD_CLOEXEC);
    ::fcntl(write, F_SETFD, FD_CLOEXEC);
  }
  ~Pipe() {
    for (const int end : {read, write}) {
      if (end >= 0) ::close(end);
    }
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

}  // namespace

Process::Process(const std::vector<std::string>& command) {
  Pipe in, out, error;
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  process_ = ::fork();
  if (process_ < 0) fail("no process can be started: {}", std::generic_category().message(errno));
  if (process_ == 0) {
    ::setpgid(0, 0);
    ::dup2(in.read, STDIN_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    ::dup2(error.write, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::setpgid(process_, process_);  // before a signal is sent to the group
  in_ = std::exchange(in.write, -1);
  outputs_ = {std::exchange(out.read, -1), std::exchange(error.read, -1)};
  for (const int output : outputs_) ::fcntl(output, F_SETFL, O_NONBLOCK);
}

Process::~Process() {
  ::close(in_);
  const auto deadline = std::chrono::steady_clock::now() + kEndPatience;
  while (!code() && std::chrono::steady_clock::now() < deadline) {
    for (size_t which : {0, 1}) read(which);  // nobody hears it, and it is not to wait for that
    ::poll(nullptr, 0, 20);
  }
  stop_listening();
  if (code_) return;
  signal(SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Process::stop_listening() {
  for (int& output : outputs_) {
    if (output >= 0) ::close(std::exchange(output, -1));
  }
}

void Process::tell(const std::string& line) const {
  const std::string all = line + "\n";
  for (size_t sent = 0; sent < all.size();) {
    const ssize_t n = ::write(in_, all.data() + sent, all.size() - sent);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

std::string Process::read(size_t which) {
  std::string all;
  std::array<char, 8192> bytes{};
  while (outputs_[which] >= 0) {
    const ssize_t n = ::read(outputs_[which], bytes.data(), bytes.size());
    if (n > 0) {
      all.append(bytes.data(), static_cast<size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      break;
    } else {
      ::close(std::exchange(outputs_[which], -1));
    }
  }
  return all;
}

std::optional<int> Process::code() {
  int status = 0;
  if (!code_ && ::waitpid(process_, &status, WNOHANG) == process_) {
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return code_;
}

void Process::signal(int number) const {
  if (!code_) ::kill(-process_, number);
}

}  // namespace graft::launch
