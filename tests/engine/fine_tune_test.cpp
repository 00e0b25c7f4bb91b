#include "graft/engine/fine_tune.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "graft/engine/data_split.h"
#include "graft/engine/named_data.h"
#include "graft/engine/named_model.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::engine {
namespace {

using testing::expect_error;

class FineTuneTest : public ::testing::Test {
 protected:
  FineTuneTest() {
    fs::create_directories(folder_ / "model");
    fs::create_directories(folder_ / "data");
    testing::write_tiny_model(folder_ / "model");
    testing::write_tiny_data(folder_ / "data");
    options_.train.iters = 3;
    options_.train.schedule.learning_rate = 1e-2;
    options_.train.adapter_file = folder_ / "adapters.npz";
    options_.command = [](const std::string& model) { return "tool --model " + model; };
  }

  LoadedModel load() const { return load_folder(folder_ / "model"); }

  data::Dataset split(const LoadedModel& loaded, const char* name) {
    return load_split(folder_ / "data", name, loaded, options_.render, told_);
  }

  // Trains a model that is loaded for it; gives what its file says.
  lora::AdapterFile train() {
    LoadedModel loaded = load();
    FineTune tune(loaded, options_, told_);
    const auto train_set = split(loaded, "train"), valid_set = split(loaded, "valid");
    end_ = tune.run(train_set, valid_set, training::Events({}));
    return lora::read_adapter_file(options_.train.adapter_file);
  }

  testing::TempFolder folder_;
  testing::RecordingFrontEnd told_;
  FineTuneOptions options_;
  training::TrainEnd end_ = training::TrainEnd::finished;
};

// What ends a text: the config's, the generation config's and the tokenizer's.
TEST_F(FineTuneTest, EveryFilesEosEndsAText) {
  const std::set<int32_t> before = load().eos_ids();
  const auto with = [&](const char* generation) {
    testing::write_bytes(folder_ / "model/generation_config.json", generation);
    return load().eos_ids();
  };
  for (const auto& [generation, ids] :
       std::map<const char*, std::set<int32_t>>{{R"({"eos_token_id": 7})", {7}},
                                                {R"({"eos_token_id": [8, 9]})", {8, 9}},
                                                {"{}", {}},
                                                {R"({"eos_token_id": null})", {}}}) {
    std::set<int32_t> expected = before;
    expected.insert(ids.begin(), ids.end());
    EXPECT_EQ(with(generation), expected) << generation;
  }
  for (const char* bad : {R"({"eos_token_id": 2.0})", R"({"eos_token_id": "2"})",
                          R"({"eos_token_id": [2, null]})", R"({"eos_token_id": {}})"}) {
    testing::expect_error([&] { with(bad); }, {"generation_config.json", "eos_token_id"});
  }
}

TEST_F(FineTuneTest, WritesAnAdapterThatSaysHowItWasMade) {
  options_.adapter.rank = 3;
  options_.datasets = {"owner/texts"};
  const lora::AdapterFile file = train();
  EXPECT_EQ(end_, training::TrainEnd::finished);
  ASSERT_TRUE(file.settings);
  EXPECT_EQ(file.settings->rank, 3);
  EXPECT_EQ(file.settings->num_layers, 2);
  EXPECT_EQ(file.provenance.datasets, std::vector<std::string>{"owner/texts"});
  ASSERT_EQ(file.provenance.steps.size(), 1u);
  EXPECT_EQ(file.provenance.steps[0].command, "tool --model MODEL");
  EXPECT_EQ(told_.notes, std::vector<std::string>{"The model has 2 layers: all are adapted"});
  LoadedModel loaded = load();
  put_adapter(loaded, file, told_);
  EXPECT_TRUE(told_.warnings.empty());
}

// What a search for a rate holds beside the training itself: the weights that it puts back.
TEST_F(FineTuneTest, ASearchKeepsTheWeightsThatAreTrainedAsTheyAre) {
  LoadedModel adapted = load(), whole = load();
  EXPECT_EQ(FineTune(adapted, options_, told_).kept_by_search(), 0u);
  options_.adapter.type = lora::FineTuneType::full;
  const FineTune full(whole, options_, told_);
  EXPECT_EQ(full.kept_by_search(), 4 * full.adapters().parameters().count());
}

TEST_F(FineTuneTest, GoesOnFromAnAdapter) {
  options_.adapter.rank = 3;
  train();
  options_.adapter = {.resume_adapter_file = folder_ / "adapters.npz"};
  options_.train.adapter_file = folder_ / "second.safetensors";
  const lora::AdapterFile second = train();
  EXPECT_EQ(second.settings->rank, 3);
  EXPECT_EQ(second.provenance.steps.size(), 2u);
  EXPECT_NE(told_.notes.back().find("Resuming from "), std::string::npos);

  LoadedModel loaded = load();
  options_.adapter.rank = 4;
  expect_error<UsageError>([&] { FineTune(loaded, options_, told_); },
                           "`rank` 4 differs from 3 of the adapter that is resumed");
  options_.adapter = {.keys = std::vector<std::string>{"nothing_proj"}};
  LoadedModel fresh = load();
  expect_error<UsageError>([&] { FineTune(fresh, options_, told_); }, "nothing_proj");
}

TEST_F(FineTuneTest, StopsWhenTheFrontEndWantsIt) {
  LoadedModel loaded = load();
  FineTune tune(loaded, options_, told_);
  EXPECT_EQ(tune.adapted_layers(), 2);
  const auto train_set = split(loaded, "train"), valid_set = split(loaded, "valid");
  told_.cancel = true;
  testing::expect_error<Cancelled>([&] { split(loaded, "train"); }, "interrupted");
  const auto end = tune.run(train_set, valid_set, training::Events({}));
  EXPECT_NE(end, training::TrainEnd::finished);
}

TEST_F(FineTuneTest, OtherWeightsThanTheAdaptersAreWarnedOf) {
  const lora::AdapterFile file = train();
  testing::write_tiny_model(folder_ / "model", 2);
  LoadedModel other = load();
  put_adapter(other, file, told_);
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("was trained on another base model"), std::string::npos);
}

TEST_F(FineTuneTest, ExamplesThatAreCutAreWarnedOf) {
  const LoadedModel loaded = load();
  options_.render.max_seq_length = 5;
  const data::Dataset set = split(loaded, "train");
  EXPECT_GT(set.counts.truncated, 0);
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("examples are longer than `max_seq_length` 5"),
            std::string::npos);
}

TEST_F(FineTuneTest, WhatIsThereIsNotLookedForOnTheHub) {
  const Runtime runtime({.front_end = std::make_shared<testing::RecordingFrontEnd>()});
  EXPECT_EQ(named_model(runtime, folder_ / "model"), folder_ / "model");
  const NamedData data(runtime, {.names = {(folder_ / "data").string()}}, {"train"});
  EXPECT_EQ(data.sources("train").at(0).files.at(0).path, folder_ / "data" / "train.jsonl");
  EXPECT_EQ(named_model(runtime, "no_such_folder"), fs::path("no_such_folder"));
  EXPECT_EQ(engine::load(runtime, folder_ / "model").precision(), "float32");
}

}  // namespace
}  // namespace graft::engine
