// --threads and --activations of the commands that compute.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "graft/ops/backend.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class ThreadsOption : public ProgramTest {
 protected:
  // The train losses that a run reports.
  std::vector<double> losses(const std::string& threads) {
    std::string out = train({"--threads", threads, "--iters", "8", "--steps-per-report", "2"}).out;
    std::vector<double> found;
    std::regex line("Train loss ([0-9.]+)");
    for (std::sregex_iterator match(out.begin(), out.end(), line), end; match != end; ++match) {
      found.push_back(std::stod((*match)[1]));
    }
    EXPECT_EQ(found.size(), 4u) << out;
    return found;
  }
};

TEST_F(ThreadsOption, WhatIsNoCountIsAUsageError) {
  const std::vector<std::vector<std::string>> commands = {
      {"lora", "--model", "model", "--test"},
      {"generate", "--model", "model", "-p", "the"},
      {"fuse", "--model", "model"},
      {"convert", "--hf-path", "model"},
      {"info"}};
  for (std::vector<std::string> arguments : commands) {
    arguments.insert(arguments.end(), {"--threads", ""});
    for (const char* value : {"0", "-1", "two", "1.5", "3x", "1025", "99999999999"}) {
      arguments.back() = value;
      expect_refused(run(arguments), 2,
                     std::string("--threads: ") + value + " is not a whole number from 1 to 1024");
    }
    arguments.pop_back();
    expect_refused(run(arguments), 2, "--threads");
  }
}

TEST_F(ThreadsOption, ActivationsAreExactOrInt8) {
  for (const char* command : {"lora", "generate", "eval"}) {
    expect_refused(run({command, "--model", "model", "--activations", "int4"}), 2, "--activations");
  }
  // A training's are those of what goes on with it, or repeats it.
  ASSERT_EQ(train({"--activations", "int8", "--keep", "1", "--save-every", "5"}).code, 0);
  for (const std::vector<std::string>& from :
       {std::vector<std::string>{"plan", "--resume", "adapters.npz", "--iters", "30"},
        {"lora", "--train", "--resume", "adapters.npz", "--iters", "30"},
        {"lora", "--train", "--config", "adapters.npz", "--model", "model", "--data", "data",
         "--adapter-file", "again.npz"}}) {
    const ProgramResult result = run(from);
    EXPECT_EQ(result.code, 0) << from[0] << from[1] << result.err;
    EXPECT_EQ(result.err.find("left out"), std::string::npos) << result.err;
  }
  EXPECT_NE(read_bytes(folder_ / "again.npz").find("activations"), std::string::npos);
  expect_refused(run({"sweep", "--model", "model", "--data", "data", "--out", "s", "--grid",
                      "activations=exact,int8"}),
                 2, "activations");
  // Where there are no such products it is said, once.
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "needs our kernels";
  const ProgramResult told = run({"lora", "--model", "model", "--data", "data", "--test",
                                  "--adapter-file", "none", "--activations", "int8"},
                                 {.environment = {"GRAFT_CPU_ISA=scalar"}});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_NE((told.out + told.err).find("Activations stay exact: there are no"), std::string::npos);
  // Or that the model has no weights for them.
  if (!ops::has_int8_products()) GTEST_SKIP() << "no products of bytes here";
  ASSERT_EQ(
      run({"convert", "--hf-path", "model", "--mlx-path", "fp4", "-q", "--q-mode", "mxfp4"}).code,
      0);
  for (const char* model : {"model", "fp4"}) {
    SCOPED_TRACE(model);
    const ProgramResult note =
        run({"generate", "--model", model, "-p", "the", "-m", "2", "--activations", "int8"});
    EXPECT_EQ(note.code, 0) << note.err;
    EXPECT_NE((note.out + note.err).find("Activations stay exact: the linear layers are of"),
              std::string::npos);
  }
}

TEST_F(ThreadsOption, AnyNumberTrainsToTheSameLosses) {
  const std::vector<double> one = losses("1");
  for (const char* threads : {"2", "3"}) {
    const std::vector<double> other = losses(threads);
    ASSERT_EQ(other.size(), one.size());
    for (size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(other[i], one[i], 0.0011) << threads;
  }
}

TEST_F(ThreadsOption, AnyNumberConvertsFusesAndGeneratesTheSame) {
  train();
  auto generated = [&](const char* threads) {
    ProgramResult result = run({"generate", "--model", "model", "--adapter-file", "adapters.npz",
                                "-p", "the", "-m", "12", "--threads", threads});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  };
  EXPECT_EQ(generated("3"), generated("1"));
  auto fused = [&](const char* threads) {
    ProgramResult result =
        run({"fuse", "--model", "model", "--data", "data", "--threads", threads});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  };
  EXPECT_EQ(fused("3"), fused("1"));
  auto converted = [&](const char* threads) {
    ProgramResult result = run({"convert", "--hf-path", "model", "--mlx-path", "q", "-q",
                                "--q-group-size", "32", "--threads", threads});
    EXPECT_EQ(result.code, 0) << result.err;
    return read_bytes(folder_ / "q" / "model.safetensors");
  };
  EXPECT_TRUE(converted("3") == converted("1"));
}

#ifdef __linux__
TEST_F(ThreadsOption, TheProcessHasAsManyMoreThreads) {
  if (!ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
  // The most threads that a training run has had after two reports.
  auto most = [&](const char* threads) {
    long count = 0;
    ProgramOptions options{.environment = {"GRAFT_THREADS=2", "GRAFT_KERNELS="}};
    options.watch = [&](pid_t process, const std::string& out) {
      std::ifstream status("/proc/" + std::to_string(process) + "/status");
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("Threads:")) count = std::max(count, std::stol(line.substr(8)));
      }
      if (out.find("Iter 20: Train") != std::string::npos) ::kill(process, SIGKILL);
    };
    EXPECT_EQ(
        train({"--iters", "100000", "--batch-size", "12", "--threads", threads}, options).code,
        128 + SIGKILL);
    return count;
  };
  const long one = most("1");
  EXPECT_EQ(most("3"), one + 2);
  EXPECT_EQ(most("6"), one + 5);
}
#endif

}  // namespace
}  // namespace graft::testing
