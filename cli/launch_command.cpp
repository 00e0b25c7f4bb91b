#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/number_checks.h"
#include "cli/output.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/machine.h"
#include "graft/distributed/channel.h"
#include "graft/launch/job.h"
#include "graft/launch/launcher.h"

namespace graft::cli {
namespace {

struct LaunchCommand {
  int each = 1, port = 0, join_seconds = 60, restarts = 0, min_ranks = 0;
  std::string hosts, hostfile, backend, cwd, program, ssh = "ssh";
  std::vector<std::string> environment, arguments;
  bool keeps_job = false;
};

volatile std::sig_atomic_t asked_to_end = 0;

void note_request(int) { asked_to_end = asked_to_end + 1; }

std::string this_folder() {
  std::error_code error;
  const fs::path folder = fs::current_path(error);
  if (error) fail("the folder that this is run in is not known: {}", error.message());
  return folder.string();
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char letter : text + " ") {
    if (letter != ' ') {
      word += letter;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

// "NAME=value"; of a name alone this environment's value.
std::string variable_of(const std::string& given) {
  if (given.find('=') != std::string::npos) return given;
  const char* value = std::getenv(given.c_str());
  if (value == nullptr) fail_usage("--env: {} is not set here", given);
  return given + "=" + value;
}

class LaunchRun {
 public:
  explicit LaunchRun(const LaunchCommand& o, FrontEnd& front_end) : o_(o), front_end_(front_end) {
    if (o.arguments.empty()) {
      fail_usage("what is to be run follows \"--\": graft launch -n 2 -- lora --train ...");
    }
    const std::string& what = o.arguments.front();
    if (what != "lora" && what != "eval") {
      fail_usage("of graft several processes run \"lora\" and \"eval\" alone, not \"{}\"", what);
    }
    launch::Hosts hosts;
    if (!o.hostfile.empty()) {
      if (!o.hosts.empty()) fail_usage("--hosts and --hostfile exclude each other");
      hosts = launch::read_hosts(o.hostfile);
    } else {
      hosts.all = launch::hosts_of(o.hosts.empty() ? "localhost" : o.hosts, o.each);
    }
    options_.hosts = hosts.all;
    ranks_at_first_ = hosts.all.size();
    options_.backend = !o.backend.empty()      ? o.backend
                       : hosts.backend.empty() ? "ring"
                                               : hosts.backend;
    options_.environment = hosts.environment;
    options_.environment.push_back("GRAFT_RUN=" + distributed::new_secret());
    for (const std::string& given : o.environment) {
      options_.environment.push_back(variable_of(given));
    }
    options_.arguments = o.arguments;
    options_.program = o.program.empty() ? program_path() : o.program;
    options_.folder = o.cwd.empty() ? this_folder() : o.cwd;
    options_.ssh = words_of(o.ssh);
    options_.port = o.port;
    options_.join_seconds = o.join_seconds;
  }

  int run() {
    const SignalScope scope({SIGINT, SIGTERM, SIGHUP}, note_request);
    int restarts = o_.arguments.front() == "lora" ? o_.restarts : 0;
    for (;;) {
      const int code = once();
      if (code == 0 || code == 2 || asked_to_end > 0 || restarts == 0) return code;
      --restarts;
      if (!prepare_again(code)) return code;
    }
  }

 private:
  int once() {
    const launch::LaunchHandlers handlers = {
        .out =
            [](std::string_view text) {
              print_raw(text);
              finish_output();
            },
        .error = [](std::string_view text) { print_error_raw(text); },
        .interrupts = [] { return static_cast<int>(asked_to_end); }};
    return options_.backend == "mpi" ? launch::launch_mpirun(options_, handlers)
                                     : launch::launch(options_, handlers);
  }

  // With the hosts that answer: rank 0 goes on from its last checkpoint (GRAFT_RUN). Returns
  // whether that can be.
  bool prepare_again(int code) {
    options_.hosts = launch::answering(options_);
    const size_t least = o_.min_ranks > 0 ? static_cast<size_t>(o_.min_ranks) : ranks_at_first_;
    if (options_.hosts.size() < least) {
      front_end_.note(
          "The training ended with {}; {} of {} ranks have hosts that answer: it is not "
          "started again",
          code, options_.hosts.size(), ranks_at_first_);
      return false;
    }
    front_end_.note("The training ended with {}: it is started again with {} ranks", code,
                    options_.hosts.size());
    return true;
  }

  const LaunchCommand& o_;
  FrontEnd& front_end_;
  launch::LaunchOptions options_;
  size_t ranks_at_first_ = 0;
};

}  // namespace

void add_launch_command(CLI::App& app, engine::Runtime& runtime) {
  auto* command = app.add_subcommand(
      "launch",
      "Train with several processes, on this machine or on several, each with its share "
      "of every batch: graft launch -n 2 -- lora --train ...");
  auto o = std::make_shared<LaunchCommand>();
  command->option_defaults()->always_capture_default();
  command->add_option("-n,--repeat-hosts", o->each, "Processes on each host")->check(positive());
  command->add_option("--hosts", o->hosts, "Hosts, separated by commas, in the order of the ranks")
      ->option_text("HOST,... [this machine]");
  command->add_option("--hostfile", o->hostfile,
                      "mlx.launch's JSON file: hosts by their names for ssh and their addresses");
  command->add_option("--backend", o->backend, "MLX's: ring is TCP, mpi is Open MPI's mpirun")
      ->check(CLI::IsMember({"ring", "mpi", "nccl", "jaccl", "any"}))
      ->option_text("ring|mpi|nccl|jaccl|any [ring]");
  command
      ->add_option("--env", o->environment,
                   "A variable for all: NAME=VALUE, or NAME with the value it has here. To other "
                   "hosts no more of the environment is sent than graft's own settings")
      ->allow_extra_args(false)
      ->take_all();
  command->add_option("--port", o->port, "Where rank 0 is met by the others; on another host 32323")
      ->check(CLI::Range(1, 65535))
      ->option_text("PORT [a free one]");
  command->add_option("--wait", o->join_seconds, "Seconds until all have to be there")
      ->check(CLI::Range(1, 86400));
  command->add_option("--cwd", o->cwd, "The folder to run in, on each host")
      ->option_text("FOLDER [this one]");
  command->add_option("--program", o->program, "graft's program on each host")
      ->option_text("FILE [this one's path]");
  command->add_option("--ssh", o->ssh, "The command for other hosts, such as \"ssh -p 2222\"");
  command
      ->add_option("--restarts", o->restarts,
                   "How often a training that failed is started again, from its last checkpoint")
      ->check(not_negative());
  command
      ->add_option("--min-ranks", o->min_ranks,
                   "With how many ranks at least, if hosts do not answer any more")
      ->check(positive())
      ->option_text("N [all]");
  command->add_flag(launch::kKeepJob, o->keeps_job, "")->group("");
  command->add_option("command", o->arguments, "What is run, behind --: lora and its options")
      ->option_text("-- lora ...");
  on_run(*command, runtime, [o, &runtime] {
    const int code =
        o->keeps_job ? launch::keep_job(program_path()) : LaunchRun(*o, runtime.front_end()).run();
    if (code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace graft::cli
