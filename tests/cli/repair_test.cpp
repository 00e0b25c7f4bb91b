#include <gtest/gtest.h>

#include "graft/base/atomic_file.h"
#include "graft/io/model_folder.h"
#include "graft/io/provenance.h"
#include "tests/cli/program_fixture.h"
#include "tests/support/arrays.h"

namespace graft {
namespace {

using testing::ProgramResult;

// A tiny model in 2 bits, and an adapter that rounding ruins.
class FuseRepair : public testing::ProgramTest {
 protected:
  FuseRepair() {
    run({"convert", "--hf-path", "model", "--mlx-path", "q", "-q", "--q-group-size", "32",
         "--q-bits", "2"});
    run({"lora", "--model", "q", "--train", "--iters", "20", "--learning-rate", "5e-3",
         "--lora-layers", "2", "--data", "data"});
  }

  ProgramResult fuse(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"fuse", "--model", "q", "--save-path", "fused"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(FuseRepair, KeepsTheLossOnTheTrainingsDataUnasked) {
  const ProgramResult fused = fuse({"--repair", "bits,remainder"});
  ASSERT_EQ(fused.code, 0) << fused.err;
  expect_line(fused.out, "On data/test.jsonl, and the adapted layers' size:");
  expect_line(fused.out, "base .*");
  expect_line(fused.out, "adapted .* 100.0%");
  expect_line(fused.out, "rounded to the nearest .*%");
  EXPECT_NE(fused.out.find("layers with"), std::string::npos) << fused.out;
  expect_line(fused.out, "Loss on data/test.jsonl: base [0-9.]+, adapted [0-9.]+, fused [0-9.]+");
  std::vector<std::string> with = {"--model", "fused", "--adapter-file", "none"};
  if (is_there(folder_ / "fused/remainder.safetensors")) with[3] = "fused/remainder.safetensors";
  EXPECT_NEAR(test_loss(with), test_loss({"--model", "q"}), 0.0101);
}

TEST_F(FuseRepair, WritesNothingBeyondTheGap) {
  const ProgramResult fused =
      fuse({"--data", "data", "--max-loss-gap", "1e-6", "--repair", "none"});
  expect_refused(fused, 1, "above the adapted one's, but --max-loss-gap is 1e-6");
  EXPECT_NE(fused.err.find("--repair with round, tune, bits, remainder, too, keeps more"),
            std::string::npos)
      << fused.err;
  EXPECT_NE(fused.err.find("model.layers."), std::string::npos) << fused.err;
  expect_line(fused.out, "rounded to the nearest .*%");
  EXPECT_FALSE(is_there(folder_ / "fused"));
  // What was on already is no advice.
  const ProgramResult rounded =
      fuse({"--data", "data", "--max-loss-gap", "1e-6", "--repair", "round"});
  expect_refused(rounded, 1, "--fused-bits none or --repair with tune, bits, remainder, too,");
  EXPECT_EQ(fuse({"--data", "data", "--max-loss-gap", "none"}).code, 0);
}

TEST_F(FuseRepair, WhatIsLeftIsAnAdapterOfTheFusedModel) {
  const ProgramResult fused =
      fuse({"--data", "data", "--max-loss-gap", "1e-6", "--repair", "remainder"});
  ASSERT_EQ(fused.code, 0) << fused.err;
  expect_line(fused.out, "4 layers keep their adapters, in fused/remainder.safetensors: .*");
  const ProgramResult test =
      run({"lora", "--model", "fused", "--test", "--adapter-file", "fused/remainder.safetensors"});
  EXPECT_EQ(test.code, 0) << test.err;
  EXPECT_EQ(test.err.find("another model"), std::string::npos) << test.err;
  EXPECT_NEAR(test_loss({"--model", "fused", "--adapter-file", "fused/remainder.safetensors"}),
              test_loss({"--model", "q"}), 1e-3);
  // It is graft's own file: the next model takes its place.
  ASSERT_EQ(fuse({"--data", "data", "--max-loss-gap", "none"}).code, 0);
  EXPECT_FALSE(is_there(folder_ / "fused/remainder.safetensors"));
}

TEST_F(FuseRepair, WithoutDataItSaysThatNothingIsMeasured) {
  fs::rename(folder_ / "data", folder_ / "elsewhere");
  const ProgramResult fused = fuse({});
  ASSERT_EQ(fused.code, 0) << fused.err;
  EXPECT_NE(fused.err.find("is not measured: --data names"), std::string::npos) << fused.err;
  const ProgramResult checked = fuse({"--check", "the number of the other", "--repair", "bits"});
  ASSERT_EQ(checked.code, 0) << checked.err;
  expect_line(checked.out, "Loss on the text: .*");
}

TEST_F(FuseRepair, RefusesWhatMakesNoSense) {
  expect_refused(fuse({"--max-loss-gap", "-1"}), 2, "--max-loss-gap -1");
  expect_refused(fuse({"--max-loss-gap", "x"}), 2, "--max-loss-gap x");
  expect_refused(fuse({"--repair", "round,hope"}), 2, "'hope' is none of");
  EXPECT_FALSE(is_there(folder_ / "fused"));
}

// Every layer of "calibrated" has other numbers than that of "nearest", but for the embedding,
// which is rounded to the nearest where it is not the head.
void expect_all_rounded(const fs::path& folder, const std::string& what) {
  const io::ModelFolder calibrated = io::ModelFolder::open(folder / "calibrated"),
                        nearest = io::ModelFolder::open(folder / "nearest");
  EXPECT_EQ(calibrated.names(), nearest.names()) << what;
  int layers = 0;
  for (const std::string& name : nearest.names()) {
    if (!name.ends_with(".scales")) continue;
    ++layers;
    const std::string path = name.substr(0, name.rfind('.'));
    bool same = true;
    for (const char* part : {".weight", ".scales", ".biases"}) {
      if (!nearest.has(path + part)) continue;
      same &= testing::same_bits(calibrated.load(path + part), nearest.load(path + part));
    }
    const bool to_the_nearest = path == "model.embed_tokens" && nearest.has("lm_head.scales");
    EXPECT_EQ(same, to_the_nearest) << what << " " << path;
  }
  EXPECT_GT(layers, 14) << what;
}

TEST_F(FuseRepair, ConvertRoundsForWhatLayersRead) {
  const auto loss = [&](const char* model) {
    return test_loss({"--model", model, "--adapter-file", "none"});
  };
  const auto bytes = [&](const char* file) { return testing::read_bytes(folder_ / file); };
  const double dense = loss("model");
  const std::vector<std::vector<std::string>> settings = {
      {"--q-bits", "2", "--q-group-size", "32"}, {"--q-mode", "mxfp4"}, {"--q-mode", "nvfp4"}};
  for (const std::vector<std::string>& setting : settings) {
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), setting.begin(), setting.end());
      more.insert(more.begin(), {"convert", "--hf-path", "model", "-q"});
      return run(more);
    };
    ASSERT_EQ(with({"--mlx-path", "nearest"}).code, 0);
    const ProgramResult calibrated = with({"--mlx-path", "calibrated", "--calibrate", "data"});
    ASSERT_EQ(calibrated.code, 0) << calibrated.err;
    EXPECT_NEAR(loss("calibrated"), dense, 0.3) << setting[1];
    EXPECT_EQ(bytes("calibrated/config.json"), bytes("nearest/config.json"));
    expect_all_rounded(folder_.path(), setting[1]);
    EXPECT_NE(bytes("calibrated/graft.json").find("--calibrate DATA"), std::string::npos);
  }
  expect_refused(run({"convert", "--hf-path", "q", "--mlx-path", "x", "-q", "--calibrate", "data"}),
                 2, "is quantized already");
}

// What the training did with its data, fusing does, too.
TEST_F(FuseRepair, TakesTheTrainingsDataAsItTookThem) {
  fs::remove(folder_ / "data/valid.jsonl");
  fs::remove(folder_ / "data/test.jsonl");
  const ProgramResult trained = run({"lora", "--model", "q", "--train", "--iters", "4", "--data",
                                     "data", "--valid-split", "0.3", "--adapter-file", "b.npz"});
  ASSERT_EQ(trained.code, 0) << trained.err;
  const ProgramResult fused = fuse({"--adapter-file", "b.npz"});
  ASSERT_EQ(fused.code, 0) << fused.err;
  expect_line(fused.out, "Loss on data/train.jsonl.*: base .*");
  fs::remove(folder_ / "data/train.jsonl");
  const ProgramResult without = fuse({"--adapter-file", "b.npz"});
  EXPECT_EQ(without.code, 0) << without.err;
  EXPECT_NE(without.err.find("is not measured: "), std::string::npos) << without.err;
}

}  // namespace
}  // namespace graft
