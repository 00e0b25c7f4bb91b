// Trainings of several processes, over MLX's ring on this machine.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>

#include "graft/lora/adapter_file.h"
#include "graft/ops/backend.h"
#include "tests/cli/program_fixture.h"
#include "tests/support/distance.h"

namespace graft::testing {
namespace {

class LaunchCommand : public ProgramTest {
 protected:
  // A short training by so many processes, 1: without the launcher, which may have options.
  ProgramResult train_with(int ranks, const std::string& adapter,
                           const std::vector<std::string>& more = {}, ProgramOptions options = {},
                           const std::vector<std::string>& of_launcher = {}) {
    std::vector<std::string> arguments = {"lora",
                                          "--train",
                                          "--model",
                                          "model",
                                          "--data",
                                          "data",
                                          "--iters",
                                          "6",
                                          "--batch-size",
                                          "4",
                                          "--adapter-file",
                                          adapter,
                                          "--steps-per-report",
                                          "2",
                                          "--steps-per-eval",
                                          "3",
                                          "--threads",
                                          "1",
                                          "--trunk-cache",
                                          "off"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (ranks > 1) {
      std::vector<std::string> launched = {"launch", "-n", std::to_string(ranks)};
      launched.insert(launched.end(), of_launcher.begin(), of_launcher.end());
      launched.emplace_back("--");
      arguments.insert(arguments.begin(), launched.begin(), launched.end());
    }
    return run(arguments, std::move(options));
  }

  // The largest difference of a parameter, of its largest number.
  double difference(const std::string& a, const std::string& b) {
    const lora::AdapterFile one = lora::read_adapter_file(folder_ / a),
                            other = lora::read_adapter_file(folder_ / b);
    double worst = 0;
    const auto compare = [&](const auto& tensors, const auto& others) {
      EXPECT_EQ(tensors.size(), others.size());
      for (const auto& [name, tensor] : tensors) {
        worst = std::max(worst, distance(others.at(name).load(), tensor.load()));
      }
    };
    compare(one.tensors, other.tensors);
    compare(one.weights, other.weights);
    EXPECT_FALSE(one.tensors.empty() && one.weights.empty());
    return worst;
  }

  std::string bytes(const std::string& name) { return read_bytes(folder_ / name); }

  // Of the ports that nobody gets by chance.
  const std::string port_ = std::to_string(20000 + ::getpid() % 10000);

  // The numbers of a report's lines, without those of time.
  static std::vector<double> losses(const std::string& out) {
    std::vector<double> all;
    const std::regex pattern("(Train|Val) loss ([0-9.]+)");
    for (std::sregex_iterator match(out.begin(), out.end(), pattern), end; match != end; ++match) {
      all.push_back(std::stod((*match)[2]));
    }
    return all;
  }

  // The process of a rank, by what it was started with.
  static pid_t process_of(const std::string& launched, int rank) {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename().string();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string variables = read_bytes(entry.path() / "environ");
      const std::string command = read_bytes(entry.path() / "cmdline");
      if (command.find("--keep-job") != std::string::npos) continue;
      if (variables.find("GRAFT_RANK=" + std::to_string(rank) + '\0') == std::string::npos)
        continue;
      if (variables.find("OF_THIS_TEST=" + launched) != std::string::npos) return std::stoi(name);
    }
    return 0;
  }
};

// Two steps by plain gradients, of which the second begins with what the first has rounded.
TEST_F(LaunchCommand, GradientsAreThoseOfOneProcess) {
  const std::vector<std::vector<std::string>> kinds = {{},
                                                       {"--lora-dropout", "0.3"},
                                                       {"--grad-accumulation", "2"},
                                                       {"--pack", "--batch-tokens", "200"},
                                                       {"--grad-checkpoint"},
                                                       {"--batch-size", "1"},
                                                       {"--grad-clip", "0.01"},
                                                       {"--fine-tune-type", "dora"},
                                                       {"--wire-type", "bfloat16"}};
  for (const std::vector<std::string>& kind : kinds) {
    SCOPED_TRACE(kind.empty() ? "plain" : kind[0]);
    std::vector<std::string> more = {"--iters", "2", "--optimizer", "sgd", "--learning-rate", "1"};
    more.insert(more.end(), kind.begin(), kind.end());
    const ProgramResult alone = train_with(1, "one.npz", more);
    ASSERT_EQ(alone.code, 0) << alone.err;
    for (const int ranks : {2, 3}) {
      const ProgramResult result = train_with(ranks, "many.npz", more);
      ASSERT_EQ(result.code, 0) << result.err;
      const bool rounded = !kind.empty() && kind[0] == "--wire-type";
      EXPECT_LT(difference("one.npz", "many.npz"), rounded ? 2e-2 : 1e-5) << ranks;
      if (rounded) {
        EXPECT_GT(difference("one.npz", "many.npz"), 1e-5);
      }
    }
  }
}

TEST_F(LaunchCommand, WeightsThatAreTrainedAsTheyAreAreTheSame) {
  const std::vector<std::vector<std::string>> kinds = {
      {}, {"--grad-accumulation", "2"}, {"--grad-clip", "0.01"}, {"--batch-size", "1"}};
  for (const std::vector<std::string>& kind : kinds) {
    SCOPED_TRACE(kind.empty() ? "plain" : kind[0]);
    std::vector<std::string> more = {"--fine-tune-type", "full", "--iters",         "2",
                                     "--optimizer",      "sgd",  "--learning-rate", "0.1"};
    more.insert(more.end(), kind.begin(), kind.end());
    ASSERT_EQ(train_with(1, "one.safetensors", more).code, 0);
    for (const int ranks : {2, 3}) {
      const ProgramResult result = train_with(ranks, "many.safetensors", more);
      ASSERT_EQ(result.code, 0) << result.err;
      EXPECT_LT(difference("one.safetensors", "many.safetensors"), 2e-6) << ranks;
    }
  }
}

TEST_F(LaunchCommand, AllStopWhereNothingIsFinite) {
  for (const int ranks : {1, 3}) {
    const ProgramResult result = train_with(ranks, "a.npz",
                                            {"--optimizer", "sgd", "--learning-rate", "1e38",
                                             "--iters", "50", "--steps-per-eval", "50"});
    EXPECT_EQ(result.code, 1) << result.err;
    EXPECT_NE(result.err.find("for the 3rd time in a row"), std::string::npos) << result.err;
    EXPECT_EQ(result.err.find("ended without a word"), std::string::npos) << result.err;
  }
}

TEST_F(LaunchCommand, ReportsAndValidationsAreThoseOfOneProcess) {
  const ProgramResult alone = train_with(1, "one.npz");
  ASSERT_EQ(alone.code, 0) << alone.err;
  for (const int ranks : {2, 4}) {
    const ProgramResult result = train_with(ranks, "many.npz");
    ASSERT_EQ(result.code, 0) << result.err;
    const auto one = losses(alone.out), many = losses(result.out);
    ASSERT_EQ(one.size(), many.size()) << result.out;
    for (size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(one[i], many[i], 0.0011);
    // Rank 0 alone speaks.
    EXPECT_EQ(result.out.find("[1] "), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("[0] Iter 6: Saved adapter weights to many.npz."), std::string::npos);
  }
}

TEST_F(LaunchCommand, TheSameNumberOfProcessesGivesTheSameBytes) {
  ASSERT_EQ(train_with(3, "a.npz").code, 0);
  ASSERT_EQ(train_with(3, "b.npz").code, 0);
  EXPECT_EQ(bytes("a.npz"), bytes("b.npz"));
}

TEST_F(LaunchCommand, ATestIsSharedOut) {
  ASSERT_EQ(train_with(1, "a.npz").code, 0);
  const std::vector<std::string> test = {"lora",           "--test", "--model",      "model",
                                         "--adapter-file", "a.npz",  "--batch-size", "1"};
  std::vector<std::string> launched = test;
  launched.insert(launched.begin(), {"launch", "-n", "2", "--"});
  const ProgramResult result = run(launched);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "[0] " + run(test).out);
}

TEST_F(LaunchCommand, AnEvaluationIsSharedOut) {
  std::string lines;
  for (int i = 0; i < 7; ++i) {
    lines += fmt::format("{{\"prompt\": \"{}\", \"completion\": \"the\"}}\n",
                         std::string(static_cast<size_t>(i + 3), 'a'));
  }
  fs::create_directories(folder_ / "pairs");
  write("pairs/test.jsonl", lines);
  const std::vector<std::string> eval = {"eval",         "--model", "model",  "--data",    "pairs",
                                         "--max-tokens", "5",       "--json", "--threads", "1",
                                         "--answers"};
  const auto evaluated = [&](int ranks) {
    std::vector<std::string> arguments = eval;
    arguments.push_back(fmt::format("answers{}", ranks));
    if (ranks > 1) {
      arguments.insert(arguments.begin(), {"launch", "-n", std::to_string(ranks), "--"});
    }
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    std::string out = std::regex_replace(result.out, std::regex("\\[0\\] "), "");
    return std::regex_replace(out, std::regex("\"[a-z_]*(seconds|per_second)\": [0-9.e-]+,?"), "");
  };
  const std::string one = evaluated(1);
  EXPECT_NE(one.find("perplexity"), std::string::npos) << one;
  for (const int ranks : {2, 3}) {
    EXPECT_EQ(evaluated(ranks), one);
    EXPECT_EQ(bytes(fmt::format("answers{}", ranks)), bytes("answers1"));
  }
}

TEST_F(LaunchCommand, TheLowerLayersAreKeptByAll) {
  // Four epochs, with the upper layer's adapter alone.
  const std::vector<std::string> more = {"--lora-layers", "1", "--iters", "8"};
  std::vector<std::string> kept = more;
  kept.insert(kept.end(), {"--trunk-cache", "trunk"});
  ASSERT_EQ(train_with(2, "without.npz", more).code, 0);
  const ProgramResult result = train_with(2, "with.npz", kept);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(difference("without.npz", "with.npz"), 0);
  EXPECT_EQ(fs::exists(folder_ / "trunk"), ops::use_cpu_kernels());  // else nothing is kept
}

TEST_F(LaunchCommand, ResumesToTheSameBytesAndWithAnyNumber) {
  ASSERT_EQ(train_with(2, "whole.npz").code, 0);
  ASSERT_EQ(train_with(2, "part.npz", {"--iters", "3", "--save-every", "3"}).code, 0);
  for (const int ranks : {2, 3, 1}) {
    SCOPED_TRACE(ranks);
    fs::remove_all(folder_ / "again.checkpoints");
    fs::copy(folder_ / "part.checkpoints", folder_ / "again.checkpoints",
             fs::copy_options::recursive);
    std::vector<std::string> resume = {"lora", "--resume",       "again.checkpoints", "--iters",
                                       "6",    "--adapter-file", "again.npz"};
    if (ranks > 1) resume.insert(resume.begin(), {"launch", "-n", std::to_string(ranks), "--"});
    const ProgramResult result = run(resume);
    ASSERT_EQ(result.code, 0) << result.err;
    if (ranks == 2) {
      EXPECT_EQ(difference("whole.npz", "again.npz"), 0);
    } else {
      EXPECT_LT(difference("whole.npz", "again.npz"), 1e-3);
    }
  }
}

TEST_F(LaunchCommand, CtrlCSavesAndEndsAll) {
  ProgramOptions options;
  bool sent = false;
  options.watch = [&](pid_t process, const std::string& out) {
    if (!sent && out.find("Iter 4: ") != std::string::npos) {
      ::kill(process, SIGINT);
      sent = true;
    }
  };
  const ProgramResult result =
      train_with(2, "a.npz", {"--iters", "100000000", "--steps-per-eval", "100000000"}, options);
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_NE(result.err.find("Interrupted. To go on: graft launch -n 2 -- lora --resume a.npz"),
            std::string::npos)
      << result.err;
  EXPECT_TRUE(fs::exists(folder_ / "a.npz"));
  EXPECT_TRUE(fs::exists(folder_ / "a.checkpoints"));
}

#ifdef __linux__
TEST_F(LaunchCommand, OneThatIsKilledOrStoppedEndsAllSoon) {
  const std::string name = folder_.path().filename().string();
  const std::vector<std::pair<int, int>> faults = {{SIGKILL, 0}, {SIGKILL, 2}, {SIGSTOP, 2}};
  for (const auto& fault : faults) {
    const int signal = fault.first, rank = fault.second;
    SCOPED_TRACE(::testing::Message() << "signal " << signal << " to rank " << rank);
    ProgramOptions options{.environment = {"OF_THIS_TEST=" + name}};
    std::optional<std::chrono::steady_clock::time_point> sent;
    options.watch = [&](pid_t, const std::string& out) {
      if (sent || out.find("Iter 4: ") == std::string::npos) return;
      const pid_t process = process_of(name, rank);
      ASSERT_NE(process, 0);
      ::kill(process, signal);
      sent = std::chrono::steady_clock::now();
    };
    const ProgramResult result =
        train_with(3, "a.npz", {"--iters", "100000000", "--steps-per-eval", "100000000"}, options);
    ASSERT_TRUE(sent) << result.err;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - *sent;
    EXPECT_LT(seconds.count(), signal == SIGKILL ? 12 : 18);
    EXPECT_NE(result.code, 0);
    EXPECT_NE(result.err.find("rank " + std::to_string(rank) + " ("), std::string::npos)
        << result.err;
    for (const int other : {0, 1, 2}) EXPECT_EQ(process_of(name, other), 0) << "it is left";
    fs::remove_all(folder_ / "a.checkpoints");
  }
}

TEST_F(LaunchCommand, StartsAgainFromTheLastCheckpoint) {
  ASSERT_EQ(train_with(2, "whole.npz", {"--iters", "40", "--save-every", "10"}).code, 0);
  const std::string name = folder_.path().filename().string();
  ProgramOptions options{.environment = {"OF_THIS_TEST=" + name}};
  int sent = 0;
  options.watch = [&](pid_t, const std::string& out) {
    const char* after[] = {"Iter 10: Saved", "Iter 20: Saved"};
    if (sent == 2 || out.find(after[sent]) == std::string::npos) return;
    if (const pid_t process = process_of(name, 1); process != 0) {
      ::kill(process, SIGKILL);
      ++sent;
    }
  };
  const ProgramResult result = train_with(2, "again.npz", {"--iters", "40", "--save-every", "10"},
                                          options, {"--restarts", "2"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(sent, 2);
  EXPECT_NE(result.err.find("started again with 2 ranks"), std::string::npos) << result.err;
  EXPECT_EQ(difference("whole.npz", "again.npz"), 0);
}
#endif

// Each rank started by hand, as Slurm would.
TEST_F(LaunchCommand, AnotherTrainingIsNamed) {
  const auto both = [&](const std::vector<std::string>& of_first,
                        const std::vector<std::string>& of_second) {
    const auto rank = [&](int number, const std::vector<std::string>& own) {
      std::vector<std::string> arguments = {"lora",    "--train", "--model",        "model",
                                            "--iters", "2",       "--adapter-file", "new.npz"};
      arguments.insert(arguments.end(), own.begin(), own.end());
      // As torchrun has it, at a name that may have addresses of several kinds.
      return run(arguments, {.environment = {"RANK=" + std::to_string(number), "WORLD_SIZE=2",
                                             "MASTER_ADDR=localhost", "MASTER_PORT=" + port_,
                                             "LOCAL_WORLD_SIZE=2", "GRAFT_SECRET=0123456789abcdef",
                                             "GRAFT_JOIN_SECONDS=20"}});
    };
    ProgramResult second;
    std::thread other([&] { second = rank(1, of_second); });
    const ProgramResult first = rank(0, of_first);
    other.join();
    return std::vector<ProgramResult>{first, second};
  };
  for (const ProgramResult& result : both({}, {"--lora-rank", "4"})) {
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.err.find("`lora_rank` is 4, not 8"), std::string::npos) << result.err;
  }
  // The same options, and not the same adapter to begin with.
  ASSERT_EQ(train_with(1, "a.npz", {"--iters", "1"}).code, 0);
  ASSERT_EQ(train_with(1, "b.npz", {"--iters", "2"}).code, 0);
  for (const ProgramResult& result :
       both({"--resume-adapter-file", "a.npz"}, {"--resume-adapter-file", "b.npz"})) {
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.err.find("rank 1 does not begin where rank 0 does: its parameters"),
              std::string::npos)
        << result.err;
  }
  for (const ProgramResult& result : both({}, {})) EXPECT_EQ(result.code, 0) << result.err;
}

// What starts a training again names it: it goes on from its own checkpoint, and from no other's.
TEST_F(LaunchCommand, GoesOnFromItsOwnRunAlone) {
  const auto train_as = [&](const std::string& name, const char* adapter, const char* iters) {
    return train_with(1, adapter, {"--iters", iters, "--save-every", "3"},
                      {.environment = {"GRAFT_RUN=" + name}});
  };
  ASSERT_EQ(train_as("one", "whole.npz", "6").code, 0);
  ASSERT_EQ(train_as("two", "a.npz", "3").code, 0);
  const ProgramResult own = train_as("two", "a.npz", "6");
  ASSERT_EQ(own.code, 0) << own.err;
  EXPECT_NE(own.err.find("Going on from a.checkpoints"), std::string::npos) << own.err;
  EXPECT_EQ(difference("whole.npz", "a.npz"), 0);
  const ProgramResult other = train_as("three", "a.npz", "6");
  EXPECT_EQ(other.code, 0) << other.err;
  EXPECT_EQ(other.err.find("Going on from"), std::string::npos) << other.err;
}

TEST_F(LaunchCommand, SaysWhatIsWrong) {
  expect_refused(run({"launch", "-n", "2"}), 2, "what is to be run follows");
  expect_refused(run({"launch", "-n", "2", "--", "convert"}), 2, "of graft several processes run");
  expect_refused(run({"launch", "-n", "0", "--", "lora"}), 2, "--repeat-hosts");
  expect_refused(run({"launch", "--hosts", "a;b", "--", "lora"}), 2, "is no host's name");
  expect_refused(run({"launch", "--hostfile", "none.json", "--", "lora"}), 1, "none.json");
  expect_refused(run({"launch", "--hosts", "a", "--hostfile", "h", "--", "lora"}), 2, "exclude");
  expect_refused(run({"launch", "--env", "NO_SUCH_VARIABLE", "--", "lora"}), 2, "is not set here");
  expect_refused(
      run({"lora", "--model", "model", "--find-lr", "--adapter-file", "a.npz"},
          {.environment = {"GRAFT_RANK=5", "GRAFT_SIZE=2", "GRAFT_MEETING=127.0.0.1:1"}}),
      2, "GRAFT_RANK is \"5\"");
}

}  // namespace
}  // namespace graft::testing
