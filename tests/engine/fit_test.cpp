#include "graft/engine/fit.h"

#include <gtest/gtest.h>

#include <map>

#include "graft/base/atomic_file.h"
#include "graft/engine/data_split.h"
#include "graft/engine/fine_tune.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::engine {
namespace {

class Fit : public ::testing::Test {
 protected:
  Fit() {
    fs::create_directories(folder_ / "model");
    testing::write_tiny_model(folder_ / "model", 1, 64);
    const std::string line = "{\"text\": \"" + std::string(600, 'x') + "\"}\n";
    std::string lines;
    for (int i = 0; i < 16; ++i) lines += line;
    for (const char* name : {"train.jsonl", "valid.jsonl"}) write_text(folder_ / name, lines);
    options_.train.iters = 4;
    options_.train.batch_size = 8;
    options_.adapter.num_layers = 2;
    options_.only_planned = true;
  }

  // By what they are.
  std::map<std::string, Remedy> remedies(const std::function<size_t(size_t planned)>& bytes) {
    LoadedModel loaded = load_to_plan(folder_ / "model");
    const data::Dataset train =
        load_split(folder_.path(), "train", loaded, {}, *silent_front_end());
    FineTune tune(loaded, options_, *silent_front_end());
    const plan::Plan plan = tune.plan(train, train, folder_ / "speed.json");
    std::map<std::string, Remedy> all;
    for (const Remedy& remedy : tune.remedies(train, train, plan, bytes(plan.memory.total()))) {
      EXPECT_LT(remedy.bytes, plan.memory.total()) << remedy.what;
      all.emplace(remedy.what, remedy);
    }
    return all;
  }

  testing::TempFolder folder_;
  FineTuneOptions options_;
};

TEST_F(Fit, TheMildestFormThatFitsIsNamed) {
  const auto all = remedies([](size_t planned) { return planned - 1; });
  ASSERT_TRUE(all.count("`batch_size` 4"));
  EXPECT_TRUE(all.at("`batch_size` 4").fits);
  ASSERT_TRUE(all.count("`max_seq_length` 300"));
  ASSERT_TRUE(all.count("`num_layers` 1"));
  EXPECT_TRUE(all.count("weights of 4 bits (graft convert `quantize`)"));
  EXPECT_FALSE(all.count("all of these together"));
}

// Weights that are trained as they are cannot be quantized.
TEST_F(Fit, FullFineTuningHasItsOwnForms) {
  options_.adapter.type = lora::FineTuneType::full;
  const auto all = remedies([](size_t planned) { return planned - 1; });
  EXPECT_TRUE(all.count("`num_layers` 1"));
  EXPECT_FALSE(all.count("weights of 4 bits (graft convert `quantize`)"));
}

TEST_F(Fit, WhereNothingFitsAllIsTakenTogether) {
  const auto all = remedies([](size_t) { return size_t{1}; });
  ASSERT_TRUE(all.count("`batch_size` 1"));
  ASSERT_TRUE(all.count("`max_seq_length` 128"));
  ASSERT_TRUE(all.count("all of these together"));
  for (const auto& [what, remedy] : all) {
    EXPECT_FALSE(remedy.fits) << what;
  }
}

TEST_F(Fit, WhatIsDoneAlreadyIsNoRemedy) {
  options_.train.grad_checkpoint = true;
  options_.train.batch_size = 1;
  const auto all = remedies([](size_t) { return size_t{1}; });
  EXPECT_FALSE(all.count("`grad_checkpoint`"));
  for (const auto& [what, remedy] : all) EXPECT_EQ(what.find("batch_size"), std::string::npos);
}

}  // namespace
}  // namespace graft::engine
