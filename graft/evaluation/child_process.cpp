#include "graft/evaluation/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <optional>
#include <vector>

#include "graft/base/error.h"

extern char** environ;

namespace graft::evaluation {
namespace {

using Clock = std::chrono::steady_clock;

// A descriptor that is closed in time.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("cannot make a pipe: {}", std::strerror(errno));
    read.emplace(ends[0]);
    write.emplace(ends[1]);
  }
  std::optional<Descriptor> read, write;
};

// Writing to a program that has closed its input is an error here, and no signal.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    if (sigismember(&before_, SIGPIPE) == 0) {
      const timespec now{0, 0};
      while (sigtimedwait(&pipe_, nullptr, &now) == SIGPIPE) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_{}, before_{};
};

// A running program, in a process group of its own; killed with it unless it was waited for.
class Child {
 public:
  Child(const std::string& program, int in, int out) : program_(program) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&defaults, number);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    char* const arguments[] = {const_cast<char*>(program.c_str()), nullptr};
    const int error =
        posix_spawn(&pid_, program.c_str(), &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) fail("{}: cannot be started: {}", program, std::strerror(error));
  }
  ~Child() { kill(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);  // before it is in its group
    wait_for(0);
    pid_ = 0;
  }

  // Whether it has ended; then its status.
  bool ended(int& status) {
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    ::kill(-pid_, SIGKILL);  // what it left behind
    pid_ = 0;
    return true;
  }

 private:
  void wait_for(int options) {
    int status = 0;
    while (::waitpid(pid_, &status, options) < 0 && errno == EINTR) {
    }
  }

  std::string program_;
  pid_t pid_ = 0;
};

void set_nonblocking(int descriptor) {
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

std::string run_child(const std::string& program, std::string_view input,
                      const ChildLimits& limits) {
  const WithoutSigpipe guard;
  Pipe to, from;
  Child child(program, to.read->get(), from.write->get());
  to.read->close();
  from.write->close();
  set_nonblocking(to.write->get());
  set_nonblocking(from.read->get());

  std::string output;
  std::vector<char> buffer(size_t{64} << 10);
  Clock::time_point last = Clock::now();
  int status = 0;
  bool open = true, running = true;
  while (open || running) {
    if (limits.interrupted && limits.interrupted()) return output;  // ~Child kills it
    if (std::chrono::duration<double>(Clock::now() - last).count() > limits.seconds) {
      fail("{}: nothing came from it for {} seconds", program, limits.seconds);
    }
    if (input.empty()) to.write->close();
    pollfd places[] = {{open ? from.read->get() : -1, POLLIN, 0}, {to.write->get(), POLLOUT, 0}};
    ::poll(places, 2, open || !input.empty() ? 100 : 10);
    if (places[1].revents != 0) {
      const ssize_t n = ::write(to.write->get(), input.data(), input.size());
      if (n > 0) {
        input.remove_prefix(static_cast<size_t>(n));
        last = Clock::now();
      } else if (n < 0 && !would_block()) {
        input = {};  // it reads no more
      }
    }
    if (places[0].revents != 0) {
      const ssize_t n = ::read(from.read->get(), buffer.data(), buffer.size());
      if (n > 0) {
        output.append(buffer.data(), static_cast<size_t>(n));
        last = Clock::now();
        if (output.size() > limits.output) {
          fail("{}: it writes more than {} bytes", program, limits.output);
        }
      } else if (n == 0 || !would_block()) {
        open = false;
      }
    }
    if (running && child.ended(status)) {
      running = false;
      input = {};
    }
  }
  if (WIFSIGNALED(status)) fail("{}: ended by signal {}", program, WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) fail("{}: ended with code {}", program, WEXITSTATUS(status));
  return output;
}

}  // namespace graft::evaluation
