#include "graft/launch/launcher.h"

#include <fmt/format.h>
#include <poll.h>

#include <csignal>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "graft/base/error.h"
#include "graft/base/shell_quoted.h"
#include "graft/distributed/address.h"
#include "graft/distributed/channel.h"
#include "graft/launch/job.h"
#include "graft/launch/prefixed.h"
#include "graft/launch/process.h"

namespace graft::launch {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kRemotePort = 32323;  // as mlx.launch begins with
constexpr auto kLastWords = 3s;     // for what has ended, or is to end, to be heard
constexpr auto kGrace = 6s;         // for the others to end, once one has failed

// What of this environment goes to other hosts. Tokens are not among it.
constexpr const char* kSent[] = {"GRAFT_THREADS", "GRAFT_KERNELS",  "GRAFT_CPU_ISA",
                                 "HF_HOME",       "HF_HUB_OFFLINE", "MLX_MPI_LIBNAME"};

// The command that runs graft with these arguments on a host.
std::vector<std::string> command_on(const Host& host, const LaunchOptions& options,
                                    const std::vector<std::string>& arguments) {
  std::vector<std::string> command;
  if (is_this_machine(host)) {
    command = {options.program};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  command = options.ssh;
  for (const char* option : {"-T", "-oBatchMode=yes", "-oConnectTimeout=10",
                             "-oServerAliveInterval=5", "-oServerAliveCountMax=2"}) {
    command.emplace_back(option);
  }
  command.push_back("--");
  command.push_back(host.ssh);
  std::string line = shell_quoted(options.program);
  for (const std::string& argument : arguments) line += " " + shell_quoted(argument);
  command.push_back(line);
  return command;
}

int ranks_on(const Host& host, const std::vector<Host>& hosts) {
  return static_cast<int>(std::count_if(hosts.begin(), hosts.end(), [&](const Host& other) {
    return other.ssh == host.ssh || (is_this_machine(host) && is_this_machine(other));
  }));
}

// What ssh's configuration calls a host: its name there may be another one's alias.
std::string name_of(const Host& host, const LaunchOptions& options) {
  std::vector<std::string> command = options.ssh;
  command.insert(command.end(), {"-G", "--", host.ssh});
  Process process(command);
  std::string text;
  const auto deadline = Clock::now() + 10s;
  while (!(process.code() && process.is_silent()) && Clock::now() < deadline) {
    text += process.read(0);
    process.read(1);
    ::poll(nullptr, 0, 5);
  }
  constexpr std::string_view kName = "hostname ";
  const size_t begin = text.starts_with(kName) ? 0 : text.find("\nhostname ") + 1;
  if (process.code() != 0 || text.compare(begin, kName.size(), kName) != 0) {
    return host.ssh.substr(host.ssh.find('@') + 1);
  }
  const size_t end = text.find('\n', begin);
  return text.substr(begin + kName.size(), end - begin - kName.size());
}

// By which the ranks reach rank 0.
distributed::Address meeting_of(const LaunchOptions& options) {
  const Host& first = options.hosts.front();
  const bool here = std::all_of(options.hosts.begin(), options.hosts.end(), is_this_machine);
  std::string host;
  if (!first.addresses.empty()) {
    host = first.addresses.front();
  } else if (here) {
    host = "127.0.0.1";
  } else if (is_this_machine(first)) {
    host = distributed::outward_address();
  } else {
    host = distributed::numeric_host(name_of(first, options));
  }
  if (options.port > 0) return {host, static_cast<uint16_t>(options.port)};
  if (!is_this_machine(first)) return {host, kRemotePort};
  return distributed::HeldPort(host).address();
}

std::map<std::string, std::string> sent_environment(const LaunchOptions& options,
                                                    const Host& host) {
  std::map<std::string, std::string> variables;
  for (const char* name : kSent) {
    const char* value = std::getenv(name);
    if (value != nullptr && !is_this_machine(host)) variables[name] = value;
  }
  for (const std::string& variable : options.environment) {
    const size_t equals = variable.find('=');
    variables[variable.substr(0, equals)] = variable.substr(equals + 1);
  }
  return variables;
}

Job job_of(int rank, const LaunchOptions& options, const distributed::Address& meeting,
           const std::string& secret) {
  const Host& host = options.hosts[static_cast<size_t>(rank)];
  Job job{options.arguments, sent_environment(options, host), options.folder};
  job.environment.insert({{"GRAFT_RANK", std::to_string(rank)},
                          {"GRAFT_SIZE", std::to_string(options.hosts.size())},
                          {"GRAFT_LOCAL_SIZE", std::to_string(ranks_on(host, options.hosts))},
                          {"GRAFT_BACKEND", options.backend},
                          {"GRAFT_MEETING", meeting.text()},
                          {"GRAFT_JOIN_SECONDS", std::to_string(options.join_seconds)},
                          {"GRAFT_SECRET", secret}});
  return job;
}

struct Rank {
  std::unique_ptr<Process> process;
  std::array<Prefixed, 2> lines;
  std::optional<Clock::time_point> ended = {};
};

class Launch {
 public:
  Launch(const LaunchOptions& options, const LaunchHandlers& handlers) : handlers_(handlers) {
    const distributed::Address meeting = meeting_of(options);
    const std::string secret = distributed::new_secret();
    for (size_t rank = 0; rank < options.hosts.size(); ++rank) {
      const std::string prefix = fmt::format("[{}] ", rank);
      ranks_.push_back({std::make_unique<Process>(
                            command_on(options.hosts[rank], options, {"launch", kKeepJob})),
                        {Prefixed(prefix), Prefixed(prefix)}});
      ranks_.back().process->tell(
          job_of(static_cast<int>(rank), options, meeting, secret).to_json().dump());
    }
  }

  int run() {
    while (!all_have_ended()) {
      pass_on_interrupts();
      wait();
      for (Rank& rank : ranks_) pass_on_output(rank);
      note_ends();
      if (failed_at_ && Clock::now() > *failed_at_ + kGrace) end_all();
    }
    for (Rank& rank : ranks_) pass_on_rest(rank);
    return first_code_.value_or(0);
  }

 private:
  bool all_have_ended() {
    bool all = true;
    for (Rank& rank : ranks_) {
      if (!rank.process->code()) {
        all = false;
        continue;
      }
      if (!rank.ended) rank.ended = Clock::now();
      if (Clock::now() > *rank.ended + kLastWords) rank.process->stop_listening();
      if (!rank.process->is_silent()) all = false;
    }
    return all;
  }

  void pass_on_interrupts() {
    const int asked = handlers_.interrupts ? handlers_.interrupts() : 0;
    if (asked > 0 && interrupts_ == 0) {
      for (Rank& rank : ranks_) rank.process->tell("interrupt");
    }
    if (asked > 1) end_all();
    interrupts_ = asked;
  }

  void end_all() {
    if (!ending_since_) {
      ending_since_ = Clock::now();
      for (Rank& rank : ranks_) rank.process->tell("end");
    }
    if (Clock::now() > *ending_since_ + kLastWords) {  // a keeper that does not hear
      for (Rank& rank : ranks_) rank.process->signal(SIGKILL);
    }
  }

  void wait() {
    std::vector<pollfd> wanted;
    for (const Rank& rank : ranks_) {
      for (const int output : rank.process->outputs()) {
        if (output >= 0) wanted.push_back({output, POLLIN, 0});
      }
    }
    ::poll(wanted.data(), wanted.size(), 50);
  }

  void pass_on_output(Rank& rank) {
    for (size_t which : {0, 1}) {
      const std::string lines = rank.lines[which].take(rank.process->read(which));
      if (!lines.empty()) (which == 0 ? handlers_.out : handlers_.error)(lines);
    }
  }

  void pass_on_rest(Rank& rank) {
    for (size_t which : {0, 1}) {
      const std::string line = rank.lines[which].rest();
      if (!line.empty()) (which == 0 ? handlers_.out : handlers_.error)(line);
    }
  }

  void note_ends() {
    for (Rank& rank : ranks_) {
      const auto code = rank.process->code();
      if (!code || *code == 0 || first_code_) continue;
      first_code_ = code;
      failed_at_ = Clock::now();
    }
  }

  const LaunchHandlers& handlers_;
  std::vector<Rank> ranks_;
  int interrupts_ = 0;
  std::optional<Clock::time_point> ending_since_;
  std::optional<int> first_code_;
  std::optional<Clock::time_point> failed_at_;
};

}  // namespace

int launch(const LaunchOptions& options, const LaunchHandlers& handlers) {
  return Launch(options, handlers).run();
}

namespace {

std::vector<std::string> mpirun_command(const LaunchOptions& options) {
  std::vector<std::string> command = {"mpirun", "-n", std::to_string(options.hosts.size()),
                                      "--bind-to", "none"};
  const bool here = std::all_of(options.hosts.begin(), options.hosts.end(), is_this_machine);
  if (here) {
    command.emplace_back("--oversubscribe");
  } else {
    std::string hosts;
    for (const Host& host : options.hosts) {
      hosts += (hosts.empty() ? "" : ",") + (is_this_machine(host) ? "localhost" : host.ssh);
    }
    command.insert(command.end(), {"--host", hosts});
  }
  command.insert(command.end(), {"--wdir", options.folder});
  // By their names: a command line is everybody's to read.
  for (const char* name : kSent) {
    if (std::getenv(name) != nullptr) command.insert(command.end(), {"-x", name});
  }
  for (const std::string& variable : options.environment) {
    command.insert(command.end(), {"-x", variable.substr(0, variable.find('='))});
  }
  command.push_back(options.program);
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  return command;
}

}  // namespace

int launch_mpirun(const LaunchOptions& options, const LaunchHandlers& handlers) {
  for (const std::string& variable : options.environment) {
    const size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  Process process(mpirun_command(options));
  int interrupts = 0;
  while (!process.code() || !process.is_silent()) {
    const int asked = handlers.interrupts ? handlers.interrupts() : 0;
    // Of what it is sent it passes that on to its processes, upon which they save and end.
    if (asked > 0 && interrupts == 0) process.signal(SIGUSR1);
    if (asked > 1) process.signal(SIGKILL);
    interrupts = asked;
    std::vector<pollfd> wanted;
    for (const int output : process.outputs()) {
      if (output >= 0) wanted.push_back({output, POLLIN, 0});
    }
    ::poll(wanted.data(), wanted.size(), 50);
    for (size_t which : {0, 1}) {
      const std::string text = process.read(which);
      if (!text.empty()) (which == 0 ? handlers.out : handlers.error)(text);
    }
  }
  if (*process.code() == 127) fail("mpirun, which is part of Open MPI, is not installed here");
  return *process.code();
}

std::vector<Host> answering(const LaunchOptions& options) {
  std::vector<Host> hosts;
  std::map<std::string, bool> answers;  // by ssh's name
  for (const Host& host : options.hosts) {
    if (!is_this_machine(host) && answers.count(host.ssh) == 0) {
      Process process(command_on(host, options, {"--version"}));
      const auto deadline = Clock::now() + 12s;
      while (!process.code() && Clock::now() < deadline) {
        process.read(0);
        process.read(1);
        ::poll(nullptr, 0, 20);
      }
      answers[host.ssh] = process.code() == 0;
    }
    if (is_this_machine(host) || answers[host.ssh]) hosts.push_back(host);
  }
  return hosts;
}

}  // namespace graft::launch
