#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program_fixture.h"

namespace graft {
namespace {

using testing::ProgramResult;

class AdapterCommand : public testing::ProgramTest {
 protected:
  nlohmann::json info(const std::string& adapter) {
    const ProgramResult result = run({"adapter", "info", adapter, "--json"});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.code == 0 ? nlohmann::json::parse(result.out) : nlohmann::json();
  }
};

TEST_F(AdapterCommand, AnAdapterIsTheSameInEveryLayout) {
  ASSERT_EQ(train({"--lora-rank", "3", "--lora-scale", "4"}).code, 0);
  const double loss = test_loss({"--model", "model", "--adapter-file", "adapters.npz"});
  const std::vector<std::pair<std::string, std::string>> targets = {
      {"other.safetensors", "safetensors"},
      {"mlx", "mlx-lm"},
      {"peft", "peft"},
      {"a.gguf", "gguf"}};
  for (const auto& [to, format] : targets) {
    SCOPED_TRACE(to);
    const ProgramResult result = run(
        {"adapter", "convert", "adapters.npz", to, "--format", format, "--base-model", "me/tiny"});
    ASSERT_EQ(result.code, 0) << result.err;
    expect_line(result.out,
                "Wrote " + to + ".* \\(" + format + "\\): 4 layers of rank 3, \\d+ parameters");
    EXPECT_EQ(info(to)["format"], format);
    EXPECT_EQ(info(to)["ranks"], nlohmann::json({3}));
    EXPECT_EQ(info(to)["scales"], nlohmann::json({4.0}));
    EXPECT_EQ(info(to)["base_model"], "me/tiny");
    EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", to}), loss);
    expect_line(run({"adapter", "diff", "adapters.npz", to}).out, "The two are the same: .*");
  }
  const ProgramResult shown = run({"adapter", "info", "peft"});
  expect_line(shown.out, "peft/adapter_model.safetensors \\(peft\\)");
  expect_line(shown.out, "  base model  me/tiny");
  expect_line(shown.out, "  keys        self_attn.q_proj, self_attn.v_proj");
  expect_line(shown.out, "  made by     graft lora .*");
}

TEST_F(AdapterCommand, DoraIsTheSameInEveryLayoutThatHasIt) {
  ASSERT_EQ(train({"--fine-tune-type", "dora", "--lora-scale", "4"}).code, 0);
  const double loss = test_loss({"--model", "model", "--adapter-file", "adapters.npz"});
  for (const auto& [to, format] : std::vector<std::pair<std::string, std::string>>{
           {"other.safetensors", "safetensors"}, {"mlx", "mlx-lm"}, {"peft", "peft"}}) {
    SCOPED_TRACE(to);
    ASSERT_EQ(run({"adapter", "convert", "adapters.npz", to, "--format", format}).code, 0);
    EXPECT_EQ(info(to)["fine_tune_type"], "dora");
    EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", to}), loss);
    expect_line(run({"adapter", "diff", "adapters.npz", to}).out, "The two are the same: .*");
  }
  const auto refused = [&](const std::vector<std::string>& arguments, const char* says) {
    const ProgramResult result = run(arguments);
    EXPECT_EQ(result.code, 1);
    expect_line(result.err, says);
  };
  refused({"adapter", "convert", "adapters.npz", "a.gguf"},
          "graft: .*GGUF has no place.*graft fuse.*");
  refused({"adapter", "merge", "adapters.npz", "mlx", "-o", "sum.npz"},
          "graft: .*no weighted sum.*");
  ASSERT_EQ(run({"fuse", "--model", "model", "--adapter-file", "adapters.npz", "--save-path",
                 "fused", "-d"})
                .code,
            0);
  EXPECT_NEAR(test_loss({"--model", "fused", "--adapter-file", "none"}), loss, 1e-3 * loss);
  const ProgramResult plan =
      run({"plan", "--model", "model", "--data", "data", "--fine-tune-type", "dora"});
  EXPECT_EQ(plan.code, 0) << plan.err;
}

TEST_F(AdapterCommand, ATrainingWritesTheLayoutThatIsAskedFor) {
  ASSERT_EQ(train({"--adapter-file", "tuned", "--format", "peft", "--save-every", "10"}).code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "tuned" / "adapter_model.safetensors"));
  EXPECT_TRUE(fs::exists(folder_ / "tuned" / "adapter_config.json"));
  EXPECT_EQ(info("tuned")["format"], "peft");
  // It goes on by its folder's name, and a new one replaces it: it is graft's.
  const ProgramResult resumed = run({"lora", "--resume", "tuned", "--iters", "24"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  const std::string bytes = testing::read_bytes(folder_ / "tuned" / "adapter_model.safetensors");
  ASSERT_EQ(train({"--adapter-file", "whole", "--format", "peft", "--iters", "24"}).code, 0);
  expect_line(run({"adapter", "diff", "whole", "tuned"}).out, "The two are the same: .*");
  EXPECT_EQ(run({"lora", "--resume", "tuned", "--adapter-file", "tuned/", "--iters", "26"}).code,
            0);
  EXPECT_NE(testing::read_bytes(folder_ / "tuned" / "adapter_model.safetensors"), bytes);
  EXPECT_EQ(train({"--adapter-file", "tuned", "--format", "peft"}).code, 0);
  EXPECT_EQ(run({"generate", "--model", "model", "--adapter-file", "tuned", "--prompt", "a"}).code,
            0);
  ASSERT_EQ(train({"--adapter-file", "mlx"}).code, 0);
  EXPECT_EQ(info("mlx")["format"], "mlx-lm");
  ASSERT_EQ(train({"--adapter-file", "a.gguf"}).code, 0);
  EXPECT_EQ(info("a.gguf")["format"], "gguf");
}

TEST_F(AdapterCommand, AdaptersAreAddedUp) {
  ASSERT_EQ(train().code, 0);
  const std::vector<std::string> model = {"--model", "model"};
  const auto loss = [&](std::vector<std::string> more) {
    more.insert(more.end(), model.begin(), model.end());
    return test_loss(more);
  };
  const double whole = loss({"--adapter-file", "adapters.npz"}),
               none = loss({"--adapter-file", "none"});
  EXPECT_NEAR(loss({"--adapter-file", "adapters.npz:0.5,adapters.npz:0.5"}), whole, 2e-3);
  EXPECT_NEAR(loss({"--adapter-file", "adapters.npz,adapters.npz:-1"}), none, 2e-3);
  ASSERT_EQ(
      run({"adapter", "merge", "adapters.npz:0.25", "adapters.npz:0.75", "-o", "sum.npz"}).code, 0);
  EXPECT_EQ(info("sum.npz")["ranks"], nlohmann::json({16}));
  EXPECT_NEAR(loss({"--adapter-file", "sum.npz"}), whole, 2e-3);
  const ProgramResult cut =
      run({"adapter", "merge", "sum.npz", "--rank", "8", "-o", "cut", "--format", "peft"});
  ASSERT_EQ(cut.code, 0) << cut.err;
  expect_line(cut.out, "Cut to rank 8: .* 0\\.0% is lost");
  EXPECT_NEAR(loss({"--adapter-file", "cut"}), whole, 2e-3);
  EXPECT_EQ(run({"fuse", "--model", "model", "--adapter-file", "adapters.npz:0.5", "--adapter-file",
                 "adapters.npz:0.5"})
                .code,
            0);
}

TEST_F(AdapterCommand, BadInputIsOneLine) {
  ASSERT_EQ(train().code, 0);
  const auto refused = [&](std::vector<std::string> arguments, int code, const char* says) {
    arguments.insert(arguments.begin(), "adapter");
    expect_refused(run(arguments), code, says);
  };
  const auto before = files();
  refused({"convert", "adapters.npz", "out", "--format", "x"}, 2, "--format must be");
  refused({"convert", "adapters.npz", "out.bin"}, 2, "must end in .npz, .safetensors or .gguf");
  refused({"convert", "no.npz", "out"}, 1, "there is no adapter file no.npz");
  refused({"convert", "data", "out"}, 1, "the folder data holds no adapter");
  refused({"merge", "adapters.npz:x", "-o", "out"}, 2, "its weight must be a number, found \"x\"");
  refused({"merge", "adapters.npz", "--rank", "0", "-o", "out"}, 2, "--rank");
  refused({"info", "model/model.safetensors"}, 1, "no part of a LoRA adapter");
  expect_files(before);
  expect_refused(train({"--format", "gguf", "--adapter-file", "a.npz"}), 2,
                 "a.npz is a name for npz");
}

// PEFT's config beside the tensors says how they count; it is another program's unless graft wrote
// both.
TEST_F(AdapterCommand, AnotherProgramsAdapterIsNotReplaced) {
  ASSERT_EQ(train().code, 0);
  ASSERT_EQ(run({"adapter", "convert", "adapters.npz", "peft", "--format", "peft"}).code, 0);
  fs::remove(folder_ / "peft" / "adapter_model.safetensors");
  expect_refused(run({"adapter", "convert", "adapters.npz", "peft", "--format", "peft"}), 2,
                 "adapter_config.json is another program's");
  expect_refused(run({"adapter", "info", "peft"}), 1, "holds no adapter");
  ASSERT_EQ(run({"adapter", "convert", "adapters.npz", "two", "--format", "peft"}).code, 0);
  fs::remove(folder_ / "two" / "adapter_config.json");
  expect_refused(run({"adapter", "info", "two"}), 1, "lacks its adapter_config.json");
}

}  // namespace
}  // namespace graft
