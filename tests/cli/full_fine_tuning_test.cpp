#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graft/base/atomic_file.h"
#include "tests/cli/program_fixture.h"

namespace graft {
namespace {

using testing::ProgramResult;

class FullFineTuning : public testing::ProgramTest {
 protected:
  const std::vector<std::string> full_ = {"--fine-tune-type", "full", "--lora-layers", "1"};
};

TEST_F(FullFineTuning, GivesAFileThatEveryCommandTakes) {
  std::vector<std::string> options = full_;
  options.insert(options.end(), {"--train-extra", "outside", "--adapter-file", "tuned"});
  const ProgramResult trained = train(options);
  ASSERT_EQ(trained.code, 0) << trained.err;
  expect_line(trained.out, "Trainable: .* parameters \\(.*%\\), full fine-tuning of \\d layers");
  const double base = test_loss({"--model", "model", "--adapter-file", "none"});
  const double tuned = test_loss({"--model", "model", "--adapter-file", "tuned"});
  EXPECT_LT(tuned, base);
  const ProgramResult info = run({"adapter", "info", "tuned", "--json"});
  ASSERT_EQ(info.code, 0) << info.err;
  const auto facts = nlohmann::json::parse(info.out);
  EXPECT_EQ(facts["fine_tune_type"], "full");
  EXPECT_EQ(facts["layers"], 0);
  EXPECT_EQ(facts["parameters"], facts["trained_parameters"]);
  expect_line(run({"adapter", "info", "tuned"}).out, "  trained     \\d+ weights, .*");
  EXPECT_EQ(run({"generate", "--model", "model", "--adapter-file", "tuned", "--prompt", "a"}).code,
            0);
  ASSERT_EQ(run({"adapter", "convert", "tuned", "other.npz"}).code, 0);
  EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", "other.npz"}), tuned);
  expect_refused(run({"adapter", "convert", "tuned", "peft", "--format", "peft"}), 1,
                 "`graft fuse` makes a model of them");
  expect_refused(run({"adapter", "convert", "tuned", "a.gguf", "--model", "model"}), 1,
                 "`graft export` writes the model with them");
  expect_refused(run({"adapter", "merge", "tuned:0.5", "tuned", "-o", "sum"}), 1,
                 "cannot be added up");
  const ProgramResult fused =
      run({"fuse", "--model", "model", "--adapter-file", "tuned", "--save-path", "fused"});
  ASSERT_EQ(fused.code, 0) << fused.err;
  expect_line(fused.out, "Fused \\d+ trained weights of model into fused: .*");
  EXPECT_NEAR(test_loss({"--model", "fused", "--adapter-file", "none"}), tuned, 0.02);
  // One after the other, each of the model as it was.
  EXPECT_EQ(run({"eval", "--model", "model", "--data", "data", "--loss-only", "--adapter-file",
                 "tuned", "--adapter-file", "none"})
                .code,
            0);
}

TEST_F(FullFineTuning, GoesOnWhereItWasStoppedToTheSameBytes) {
  std::vector<std::string> whole = full_, part = full_;
  whole.insert(whole.end(), {"--adapter-file", "whole.npz"});
  part.insert(part.end(), {"--adapter-file", "part.npz", "--iters", "12"});
  ASSERT_EQ(train(whole).code, 0);
  ASSERT_EQ(train(part).code, 0);
  const ProgramResult resumed = run({"lora", "--resume", "part.npz", "--iters", "20"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  expect_line(run({"adapter", "info", "part.npz"}).out, "  trained     \\d+ weights, .*");
  EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", "part.npz"}),
            test_loss({"--model", "model", "--adapter-file", "whole.npz"}));
  expect_refused(run({"lora", "--resume", "part.npz", "--iters", "24", "--fine-tune-type", "lora"}),
                 2, "--fine-tune-type lora differs from full");
  // Its own record is no file of mlx-lm's.
  const ProgramResult repeated = run({"lora", "--config", "whole.npz", "--model", "model", "--data",
                                      "data", "--adapter-file", "again.npz"});
  ASSERT_EQ(repeated.code, 0) << repeated.err;
  EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", "again.npz"}),
            test_loss({"--model", "model", "--adapter-file", "whole.npz"}));
}

TEST_F(FullFineTuning, TakesMlxLmsFile) {
  write_text(folder_ / "c.yaml",
             "model: model\ndata: data\ntrain: true\nfine_tune_type: full\nnum_layers: 1\n"
             "iters: 4\nval_batches: 1\nadapter_path: tuned\nlearning_rate: 1e-3\n"
             "lora_parameters:\n  rank: 8\n  scale: 20.0\n  dropout: 0.0\n");
  const ProgramResult trained = run({"lora", "--config", "c.yaml"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(trained.err.find("every linear layer"), std::string::npos) << trained.err;
  const auto config = nlohmann::json::parse(read_text(folder_ / "tuned/adapter_config.json"));
  EXPECT_EQ(config["fine_tune_type"], "full");
}

TEST_F(FullFineTuning, RefusesWhatItCannotDo) {
  expect_refused(train({"--fine-tune-type", "full", "--lora-rank", "4"}), 2, "full");
  expect_refused(train({"--fine-tune-type", "whole"}), 2, "--fine-tune-type");
  expect_refused(train({"--train-extra", "nothing"}), 2, "nothing names nothing of this model");
  ASSERT_EQ(
      run({"convert", "--hf-path", "model", "--mlx-path", "small", "-q", "--q-group-size", "32"})
          .code,
      0);
  expect_refused(run({"lora", "--model", "small", "--train", "--fine-tune-type", "full"}), 2,
                 "it is quantized");
  // Its norms can be trained beside adapters.
  const ProgramResult norms =
      run({"lora", "--model", "small", "--train", "--iters", "3", "--train-extra", "norms"});
  EXPECT_EQ(norms.code, 0) << norms.err;
}

TEST_F(FullFineTuning, GoesWithDoraAndIsReadAgain) {
  const ProgramResult trained = train({"--fine-tune-type", "dora", "--train-extra", "norms",
                                       "--adapter-file", "a.npz", "--save-every", "10"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const ProgramResult info = run({"adapter", "info", "a.npz", "--json"});
  EXPECT_EQ(nlohmann::json::parse(info.out)["fine_tune_type"], "dora");
  const double tuned = test_loss({"--model", "model", "--adapter-file", "a.npz"});
  EXPECT_LT(tuned, test_loss({"--model", "model", "--adapter-file", "none"}));
  const ProgramResult resumed = run({"lora", "--resume", "a.npz", "--iters", "24"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  // What is exported is what is computed.
  ASSERT_EQ(run({"export", "model", "--gguf", "m.gguf", "--adapter-file", "a.npz"}).code, 0);
  ASSERT_EQ(run({"convert", "--hf-path", "m.gguf", "--mlx-path", "back"}).code, 0);
  EXPECT_NEAR(test_loss({"--model", "back", "--adapter-file", "none"}),
              test_loss({"--model", "model", "--adapter-file", "a.npz"}), 0.0011);
}

// Norms, embedding and head are modules_to_save there.
TEST_F(FullFineTuning, BesideAdaptersIsWrittenAsPeftHasIt) {
  const ProgramResult trained = train({"--train-extra", "norms,outside", "--adapter-file", "tuned",
                                       "--format", "peft", "--save-every", "10"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto config = nlohmann::json::parse(read_text(folder_ / "tuned/adapter_config.json"));
  EXPECT_EQ(config["bias"], "none");
  const auto modules = config["modules_to_save"].get<std::vector<std::string>>();
  for (const char* name :
       {"model.embed_tokens", "lm_head", "model.norm", "model.layers.1.input_layernorm"}) {
    EXPECT_EQ(std::count(modules.begin(), modules.end(), name), 1) << name;
  }
  const double tuned = test_loss({"--model", "model", "--adapter-file", "tuned"});
  EXPECT_LT(tuned, test_loss({"--model", "model", "--adapter-file", "none"}));
  ASSERT_EQ(run({"adapter", "convert", "tuned", "same.npz"}).code, 0);
  EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", "same.npz"}), tuned);
  expect_line(run({"adapter", "info", "tuned"}).out, "  trained     \\d+ weights, .*");
  expect_refused(run({"adapter", "merge", "tuned", "same.npz", "-o", "sum"}), 1,
                 "cannot be added up");
  ASSERT_EQ(
      run({"fuse", "--model", "model", "--adapter-file", "tuned", "--save-path", "fused"}).code, 0);
  EXPECT_NEAR(test_loss({"--model", "fused", "--adapter-file", "none"}), tuned, 0.02);
  EXPECT_EQ(run({"lora", "--resume", "tuned", "--iters", "24"}).code, 0);
  EXPECT_EQ(train({"--resume-adapter-file", "tuned", "--adapter-file", "on.npz"}).code, 0);
}

TEST_F(FullFineTuning, SaysAtOnceWhatALayoutCannotHold) {
  const auto refused = [&](const std::vector<std::string>& options, const char* what) {
    expect_refused(train(options), 2, what);
  };
  refused({"--fine-tune-type", "full", "--adapter-file", "t", "--format", "peft"}, "does not hold");
  refused({"--train-extra", "norms", "--adapter-file", "t", "--format", "mlx-lm"}, "does not hold");
  refused({"--train-extra", "q_proj", "--adapter-file", "t", "--format", "peft"},
          "q_proj.weight beside an adapter of its layer");
  refused({"--fine-tune-type", "dora", "--adapter-file", "t.gguf"}, "does not hold DoRA");
  refused({"--fine-tune-type", "dora", "--train-extra", "q_proj"}, "not trained itself");
}

}  // namespace
}  // namespace graft
