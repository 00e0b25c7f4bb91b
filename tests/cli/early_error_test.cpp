// Errors that are found before long work, and say which file, tensor or line is meant.

#include <gtest/gtest.h>

#include "graft/io/json.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

using EarlyError = ProgramTest;

TEST_F(EarlyError, FuseChecksAdapterTargetAndDataBeforeItMeasuresAnything) {
  train();
  auto fuse = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"fuse", "--model", "model", "--data", "data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  };
  // A bad line of the data would be found first, were it read first.
  write("data/test.jsonl", "no JSON\n");
  fs::create_directory(folder_ / "precious");
  write("precious/notes.txt", "x");
  expect_refused(fuse({"--adapter-file", "no.npz"}), 1, "there is no adapter file no.npz");
  expect_refused(fuse({"--adapter-file", "none"}), 2, "needs an --adapter-file");
  expect_refused(fuse({"--save-path", "precious"}), 2, "precious holds notes.txt");
  expect_refused(fuse({"--save-path", "model"}), 2, "would replace the model");
  write_tiny_model(folder_ / "wide", 1, 64);
  expect_refused(run({"fuse", "--model", "wide"}), 1, "lora_a is [32, 8], but");
  expect_refused(run({"fuse", "--model", "model", "--data", "nowhere"}), 1,
                 "neither test.jsonl nor valid.jsonl in nowhere");
}

TEST_F(EarlyError, AnAdapterTakenUnaskedSaysWhatIsWrongAndHowToGoWithout) {
  train();
  write_tiny_model(folder_ / "wide", 2, 64);
  ProgramResult misfit = run({"lora", "--model", "wide", "--test"});
  expect_refused(misfit, 1, "model.layers.0.self_attn.q_proj.lora_a is [32, 8], but");
  EXPECT_NE(misfit.err.find("--adapter-file none"), std::string::npos) << misfit.err;
  write("adapters.npz", "damaged");
  ProgramResult damaged = run({"lora", "--model", "model", "--test"});
  expect_refused(damaged, 1, "adapters.npz");
  EXPECT_NE(damaged.err.find("--adapter-file none"), std::string::npos) << damaged.err;
}

TEST_F(EarlyError, AnAdapterThatCannotBeWrittenIsFoundBeforeTheTraining) {
  ProgramResult folder = train({"--adapter-file", "model.npz"});
  ASSERT_EQ(folder.code, 0) << folder.err;
  fs::create_directory(folder_ / "taken.npz");
  ProgramResult taken = train({"--adapter-file", "taken.npz"});
  expect_refused(taken, 1, "cannot write taken.npz: it is a folder");
  EXPECT_EQ(taken.out, "");
  ProgramResult refused = train({"--adapter-file", "/proc/adapters.npz"});
  expect_refused(refused, 1, "cannot write /proc/adapters.npz");
  EXPECT_EQ(refused.out, "");
}

TEST_F(EarlyError, AMissingGgufFileIsCalledThat) {
  expect_refused(run({"convert", "--hf-path", "nope.gguf"}), 1, "there is no GGUF file nope.gguf");
}

TEST_F(EarlyError, ATokenThatTheModelLacksIsNamedByFileAndLine) {
  write_tiny_model(folder_ / "small", 1, 32, /*vocab_size=*/100);
  write("data/test.jsonl", "{\"text\": \"AB\"}\n{\"text\": \"the number\"}\n");
  ProgramResult result = run({"lora", "--model", "small", "--test", "--add-eos-token", "0"});
  expect_refused(result, 1, "data/test.jsonl:2: the tokenizer gives token ");
  EXPECT_NE(result.err.find("the model has 100"), std::string::npos) << result.err;
}

TEST_F(EarlyError, ErrorsOfAConfigNameItsFolder) {
  std::string config = read_bytes(folder_ / "model" / "config.json");
  auto with = [&](const char* fields) {
    json changed = json::parse(config);
    changed.update(json::parse(fields));
    write("model/config.json", changed.dump());
    return run({"lora", "--model", "model", "--test"});
  };
  expect_refused(with(R"({"hidden_act": "relu"})"), 1, "model/config.json: hidden_act 'relu'");
  expect_refused(with(R"({"rope_scaling": {"rope_type": "spiral", "factor": 2}})"), 1,
                 "model/config.json: rope_type 'spiral' is not supported");
  expect_refused(with(R"({"num_attention_heads": 65536, "head_dim": 65536})"), 1,
                 "model/config.json: 65536 heads of width 65536 are too many");
}

}  // namespace
}  // namespace graft::testing
