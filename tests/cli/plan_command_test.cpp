// `graft plan`, and what `graft lora` says and refuses by it.

#include <gtest/gtest.h>

#include "graft/base/atomic_file.h"
#include "graft/io/json.h"
#include "graft/ops/backend.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class PlanCommand : public ProgramTest {
 protected:
  PlanCommand() {
    if (!ops::has_cpu_kernels()) return;
    std::string lines;
    for (int i = 0; i < 40; ++i) lines += "{\"text\": \"" + std::string(2000, 'a') + "\"}\n";
    fs::create_directories(folder_ / "long");
    for (const char* name : {"train.jsonl", "valid.jsonl"}) {
      write_text(folder_ / "long" / name, lines);
    }
  }

  void SetUp() override {
    if (!ops::has_cpu_kernels()) GTEST_SKIP() << "plans are of the CPU kernels";
  }

  json plan(const std::vector<std::string>& more, const ProgramOptions& options = {}) {
    std::vector<std::string> arguments = {"plan", "--json", "--model", "model", "--data", "long"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run(arguments, options);
    EXPECT_EQ(result.code, 0) << result.err;
    return io::parse_json(result.out, "graft plan --json");
  }
};

TEST_F(PlanCommand, TakesTheOptionsOfATrainingAndWritesNothing) {
  const ProgramResult result =
      run({"plan", "--model", "model", "--iters", "40", "--steps-per-eval", "10"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "Memory: 0.0[0-9] GB at most, in a batch of [0-9]+ tokens; .* GB");
  expect_line(result.out, "Time: .*40 steps of .*, 5 validations of .*");
  EXPECT_FALSE(fs::exists(folder_ / "adapters.npz"));
  expect_refused(run({"plan", "--model", "model", "--lora-rank", "0"}), 2, "--lora-rank");
}

// A limit below what a training needs in whole: layers that are not trained are not counted.
TEST_F(PlanCommand, KnowsALimitOfMemory) {
  const json whole = plan({"--lora-layers", "1"});
  const json limited = plan({"--lora-layers", "1", "--memory", "1GB"});
  EXPECT_LT(limited["memory"]["weights"], whole["memory"]["weights"]);
  EXPECT_EQ(limited["memory"]["usable_bytes"], 1'000'000'000u);
  EXPECT_GT(limited["time"]["kept_layers"], 0);
  EXPECT_LT(limited["time"]["kept_step_seconds"], limited["time"]["step_seconds"]);
  const ProgramResult result = train({"--lora-layers", "1", "--data", "long", "--memory", "20MB"});
  expect_refused(result, 1, "--memory gives 0.02 GB");
  expect_refused(run({"plan", "--model", "model", "--memory", "much"}), 2, "is no size");
}

TEST_F(PlanCommand, PartsAddUpAndFollowTheOptions) {
  const json small = plan({"--batch-size", "1"}), large = plan({"--batch-size", "8"});
  size_t sum = 0;
  for (const char* part : {"weights", "activations", "gradients", "optimizer", "logits", "scratch",
                           "heap", "program"}) {
    sum += large["memory"][part].get<size_t>();
  }
  EXPECT_EQ(sum, large["memory"]["bytes"]);
  EXPECT_EQ(small["largest_batch_tokens"].get<int>() * 8, large["largest_batch_tokens"]);
  EXPECT_GT(large["memory"]["activations"], small["memory"]["activations"]);
  EXPECT_GT(large["time"]["step_seconds"], small["time"]["step_seconds"]);
  EXPECT_FALSE(small.contains("remedies"));
  EXPECT_TRUE(plan({"--fit"}).contains("remedies"));
}

TEST_F(PlanCommand, OfSeveralProcessesIsThatOfEach) {
  const json one = plan({"--batch-size", "4"}), four = plan({"--batch-size", "4", "--ranks", "4"});
  EXPECT_EQ(one.at("ranks"), 1);
  EXPECT_EQ(four.at("ranks"), 4);
  EXPECT_EQ(4 * four.at("largest_batch_tokens").get<int>(), one.at("largest_batch_tokens"));
  EXPECT_LT(four.at("time").at("step_seconds"), one.at("time").at("step_seconds"));
  EXPECT_LT(four.at("memory").at("bytes"), one.at("memory").at("bytes"));
  expect_refused(run({"plan", "--model", "model", "--ranks", "0"}), 2, "--ranks");
}

TEST_F(PlanCommand, NeedsNoWeights) {
  const json with = plan({});
  fs::remove(folder_ / "model" / "model.safetensors");
  const json without = plan({});
  EXPECT_NEAR(with["memory"]["activations"].get<double>(),
              without["memory"]["activations"].get<double>(), 1);
  EXPECT_EQ(with["memory"]["weights"], without["memory"]["weights"]);
}

TEST_F(PlanCommand, IsWithinTheMeasuredPeak) {
  const std::vector<std::string> options = {"--model",       "model", "--data",       "long",
                                            "--iters",       "3",     "--batch-size", "16",
                                            "--val-batches", "1"};
  std::vector<std::string> lora = {"lora", "--train"}, planned(options.begin() + 4, options.end());
  lora.insert(lora.end(), options.begin(), options.end());
  const ProgramResult result = run(lora);
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "Plan: about [0-9.]+ GB of memory, [0-9.]+ s a step, [0-9.]+ s in all");
  const double bytes = plan(planned)["memory"]["bytes"],
               peak = static_cast<double>(result.peak_memory);
  EXPECT_NEAR(bytes / peak, 1, 0.15);
}

TEST_F(PlanCommand, ATrainingThatDoesNotFitIsRefusedUnlessForced) {
#ifdef GRAFT_SANITIZED
  GTEST_SKIP() << "a sanitizer takes all addresses there are";
#endif
  ProgramOptions options;
  options.address_space = rlim_t{550} << 20;
  options.environment = {"GRAFT_THREADS=1"};
  const std::vector<std::string> large = {"lora",
                                          "--model",
                                          "model",
                                          "--data",
                                          "long",
                                          "--train",
                                          "--batch-size",
                                          "40",
                                          "--max-seq-length",
                                          "2048",
                                          "--lora-layers",
                                          "2",
                                          "--lora-keys",
                                          "all",
                                          "--iters",
                                          "1"};
  const ProgramResult refused = run(large, options);
  expect_refused(refused, 1, "the training does not fit into memory: it needs about");
  EXPECT_NE(refused.err.find("the limit of its address space leaves it 0."), std::string::npos)
      << refused.err;
  expect_line(refused.out, "  --batch-size [0-9]+ +[0-9.]+ GB.*");
  EXPECT_FALSE(fs::exists(folder_ / "adapters.npz"));
  std::vector<std::string> forced = large;
  forced.push_back("--force");
  const ProgramResult result = run(forced, options);
  EXPECT_NE(result.err.find("it may not fit into memory"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace graft::testing
