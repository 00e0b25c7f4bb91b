#include "graft/engine/samples.h"

#include <gtest/gtest.h>

#include "graft/engine/data_split.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::engine {
namespace {

class SamplesTest : public ::testing::Test {
 protected:
  SamplesTest() {
    testing::write_tiny_model(folder_ / "model");
    loaded_.emplace(load_folder(folder_ / "model"));
  }

  data::Dataset set_of(const std::vector<std::string>& texts) const {
    data::Dataset set;
    for (const std::string& text : texts) set.examples.push_back({loaded_->tokenizer.encode(text)});
    return set;
  }

  std::vector<std::string> texts(const SampleOptions& options, const data::Dataset& valid) const {
    std::vector<std::string> found;
    for (const SamplePrompt& p : sample_prompts(options, valid, loaded_->tokenizer)) {
      EXPECT_EQ(loaded_->tokenizer.decode(p.ids), p.text);
      found.push_back(p.text);
    }
    return found;
  }

  testing::TempFolder folder_;
  std::optional<LoadedModel> loaded_;
};

TEST_F(SamplesTest, PromptsAreTheFirstHalvesOfTheFirstThreeTexts) {
  const data::Dataset valid = set_of({"abcdef", "vwxyz", "12", "3456"});
  EXPECT_EQ(texts({}, valid), (std::vector<std::string>{"abc", "vw", "1"}));
  EXPECT_EQ(texts({}, set_of({"ab"})), std::vector<std::string>{"a"});
  EXPECT_EQ(texts({.tokens = 0}, valid), std::vector<std::string>{});
  EXPECT_EQ(texts({}, set_of({std::string(1000, 'a')})),
            std::vector<std::string>{std::string(128, 'a')});
}

// Each byte is a token here: "é" is two.
TEST_F(SamplesTest, NoCharacterIsCut) {
  EXPECT_EQ(texts({}, set_of({"aéb", "abécde", "é", "aéébc"})),
            (std::vector<std::string>{"a", "ab", "aé"}));
}

TEST_F(SamplesTest, GivenPromptsAreTakenAsTheyAre) {
  const data::Dataset valid = set_of({"abcdef"});
  EXPECT_EQ(texts({.prompts = {"the", "[a,b]"}}, valid),
            (std::vector<std::string>{"the", "[a,b]"}));
  testing::expect_error<UsageError>([&] { texts({.prompts = {""}}, valid); },
                                    "`sample_prompt` '' has no token");
}

class SampleSinkTest : public SamplesTest {
 protected:
  std::shared_ptr<report::ReportSink> record_ = std::make_shared<report::ReportSink>(
      report::RunFolder{folder_ / "a.run"}, report::RunFacts{}, silent_front_end());
  testing::RecordingFrontEnd told_;

  std::shared_ptr<training::EventSink> sink() {
    return make_sample_sink(*loaded_, {{"the", {259}}, {"a", {97}}}, 5, record_, told_);
  }
  const std::vector<report::Sample>& samples() const { return record_->facts().samples; }
};

TEST_F(SampleSinkTest, ContinuesBeforeAndAfter) {
  const auto to = sink();
  to->on(training::Started{0});
  ASSERT_EQ(samples().size(), 2u);
  EXPECT_EQ(samples()[0].prompt, "the");
  EXPECT_NE(samples()[0].before, "");
  EXPECT_EQ(samples()[0].after, "");
  EXPECT_EQ(told_.shown.front().front().fields, std::vector<std::string>{"sample 1/2"});
  EXPECT_TRUE(told_.shown.back().empty());  // cleared
  to->on(training::Ended{training::TrainEnd::finished});
  EXPECT_EQ(samples()[1].after, samples()[1].before);  // nothing was trained
}

TEST_F(SampleSinkTest, ARunThatIsInterruptedHasNoneFromAfter) {
  const auto to = sink();
  to->on(training::Started{0});
  to->on(training::Ended{training::TrainEnd::interrupted});
  EXPECT_EQ(samples()[0].after, "");
  EXPECT_NE(samples()[0].before, "");
}

TEST_F(SampleSinkTest, AResumedTrainingKeepsThoseFromBefore) {
  record_->facts().samples = {{"a", "long ago", "middle"}, {"other", "x", "y"}};
  const auto to = sink();
  to->on(training::Started{7});
  ASSERT_EQ(samples().size(), 2u);
  EXPECT_EQ(samples()[0].before, "");
  EXPECT_EQ(samples()[1].before, "long ago");
  EXPECT_EQ(samples()[1].after, "");
  record_->facts().samples = {{"a", "of another training", ""}};
  to->on(training::Started{0});
  EXPECT_NE(samples()[1].before, "of another training");
}

TEST_F(SampleSinkTest, StopsWhenItIsCancelled) {
  class Impatient final : public FrontEnd {
    bool cancelled() const override { return ++asked_ > 3; }
    mutable int asked_ = 0;
  } impatient;
  make_sample_sink(*loaded_, {{"the", {259}}, {"a", {97}}}, 5, record_, impatient)
      ->on(training::Started{0});
  ASSERT_EQ(samples().size(), 2u);
  EXPECT_EQ(samples()[0].before, "");
  EXPECT_EQ(samples()[1].before, "");
}

TEST_F(SampleSinkTest, WhatCannotBeMadeIsAWarning) {
  const auto to = make_sample_sink(*loaded_, {{"?", {1000}}}, 5, record_, told_);
  to->on(training::Started{0});
  ASSERT_EQ(told_.warnings.size(), 1u);
  EXPECT_NE(told_.warnings[0].find("no sample of what the model writes: "), std::string::npos);
}

}  // namespace
}  // namespace graft::engine
