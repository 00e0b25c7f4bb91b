#include "graft/launch/job.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "graft/base/error.h"

namespace graft::launch {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr size_t kLongestLine = size_t{4} << 20;
constexpr auto kPatience = 10s;  // with a job whose launcher is gone

// The lines of standard input, as they come.
class Lines {
 public:
  // Waits so long for more.
  void wait(int milliseconds) {
    pollfd wanted{STDIN_FILENO, POLLIN, 0};
    if (ended_) {
      ::poll(nullptr, 0, milliseconds);
      return;
    }
    if (::poll(&wanted, 1, milliseconds) <= 0) return;
    std::array<char, 4096> bytes{};
    const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (n > 0) buffer_.append(bytes.data(), static_cast<size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) ended_ = true;
    if (buffer_.size() > kLongestLine) fail("a job is described in too many bytes");
  }

  std::optional<std::string> next() {
    const size_t end = buffer_.find('\n');
    if (end == std::string::npos) return {};
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
  }

  bool have_ended() const { return ended_; }

 private:
  std::string buffer_;
  bool ended_ = false;
};

[[noreturn]] void become(const std::string& program, const Job& job, pid_t keeper) {
  ::setpgid(0, 0);  // the keyboard's Ctrl-C is the launcher's to pass on
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);  // should the keeper be killed
#endif
  if (::getppid() != keeper) ::_exit(127);  // it is gone already
  ::signal(SIGINT, SIG_DFL);                // which the keeper ignores
  ::signal(SIGHUP, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  std::vector<char*> arguments = {const_cast<char*>("graft")};
  for (const std::string& argument : job.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  ::execvp(program.c_str(), arguments.data());
  ::_exit(127);
}

pid_t start(const std::string& program, const Job& job) {
  for (const auto& [name, value] : job.environment) ::setenv(name.c_str(), value.c_str(), 1);
  if (!job.folder.empty() && ::chdir(job.folder.c_str()) != 0) {
    fail("there is no folder {} here: `cwd` names one that all hosts have", job.folder);
  }
  const pid_t keeper = ::getpid(), child = ::fork();
  if (child < 0) fail("no process can be started: {}", std::generic_category().message(errno));
  if (child == 0) become(program, job, keeper);
  return child;
}

Job first_job(Lines& lines) {
  for (;;) {
    if (const auto line = lines.next()) return Job::of_json(json::parse(*line, nullptr, false));
    if (lines.have_ended()) fail("no job came from standard input");
    lines.wait(1000);
  }
}

}  // namespace

json Job::to_json() const {
  return {{"arguments", arguments}, {"environment", environment}, {"folder", folder}};
}

Job Job::of_json(const json& value) {
  try {
    return {value.at("arguments").get<std::vector<std::string>>(),
            value.at("environment").get<std::map<std::string, std::string>>(),
            value.at("folder").get<std::string>()};
  } catch (const json::exception&) {
    fail("what came from standard input describes no job");
  }
}

int keep_job(const std::string& program) {
  Lines lines;
  const Job job = first_job(lines);
  ::signal(SIGINT, SIG_IGN);  // of the keyboard, which the launcher sees, too
  ::signal(SIGHUP, SIG_IGN);
  const pid_t child = start(program, job);
  std::optional<Clock::time_point> alone_since;
  for (;;) {
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    while (const auto line = lines.next()) {
      if (*line == "interrupt") ::kill(child, SIGINT);
      if (*line == "end") ::kill(child, SIGKILL);
    }
    if (lines.have_ended() && !alone_since) {
      alone_since = Clock::now();
      ::kill(child, SIGTERM);
    }
    if (alone_since && Clock::now() > *alone_since + kPatience) ::kill(child, SIGKILL);
    lines.wait(20);
  }
}

}  // namespace graft::launch
