// metrics.jsonl: what the sink writes is what the reader reads.

#include <gtest/gtest.h>

#include <regex>

#include <cmath>
#include <limits>

#include "graft/base/error.h"
#include "graft/report/metrics_file.h"
#include "graft/report/metrics_sink.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::testing {
namespace {

using report::read_metrics;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class MetricsTest : public ::testing::Test {
 protected:
  std::shared_ptr<training::EventSink> sink(std::optional<int64_t> resumed_from = {}) {
    return report::make_metrics_sink(folder_, resumed_from, front_end_);
  }

  static training::Reported reported(int step, double loss) {
    return {.iteration = step,
            .loss = loss,
            .learning_rate = 1e-5 / 3,
            .iterations_per_second = 2,
            .tokens_per_second = 1234.5678901234567,
            .gradient_norm = 0.1 + 0.2,
            .tokens = 100 * step,
            .seconds = step / 7.0,
            .memory = 2'345'678,
            .skipped = 1,
            .spikes = 2};
  }

  // Steps 10, 20, ..., each with a validation.
  void train(training::EventSink& sink, int from, int to, double loss) {
    for (int step = from; step <= to; step += 10) {
      sink.on(reported(step, loss));
      sink.on(training::Validated{step, loss + 1, 0.5});
    }
  }

  std::vector<std::pair<int64_t, double>> losses() const {
    std::vector<std::pair<int64_t, double>> found;
    for (const auto& reading : read_metrics(path()).train) {
      found.emplace_back(reading.step, reading.loss);
    }
    return found;
  }

  fs::path path() const { return folder_.metrics(); }

  TempFolder temp_;
  report::RunFolder folder_ = report::RunFolder::of_adapter(temp_ / "adapters.npz");
  std::shared_ptr<RecordingFrontEnd> front_end_ = std::make_shared<RecordingFrontEnd>();
};

TEST_F(MetricsTest, ReadsTheSameNumbersThatWereWritten) {
  const auto to = sink();
  to->on(reported(10, 1.0 / 3));
  to->on(training::Validated{10, 2.0 / 3, 1e-9});
  const report::Metrics metrics = read_metrics(path());
  ASSERT_EQ(metrics.train.size(), 1u);
  const report::TrainReading& r = metrics.train.front();
  EXPECT_EQ(r, (report::TrainReading{10, 1.0 / 3, 1e-5 / 3, 0.1 + 0.2, 1000, 1234.5678901234567,
                                     2'345'678, 10 / 7.0, 1, 2}));
  ASSERT_EQ(metrics.validations.size(), 1u);
  EXPECT_EQ(metrics.validations.front(), (report::ValidationReading{10, 2.0 / 3, 1e-9}));
  EXPECT_EQ(metrics.broken, 0u);
  EXPECT_EQ(front_end_->warnings.size(), 0u);
}

TEST_F(MetricsTest, ALineIsInTheFileAtOnceAndHasTheDocumentedNames) {
  const auto to = sink();
  to->on(training::Stepped{1, 20, 3, 1e-5, 100, 1});
  EXPECT_EQ(read_bytes(path()), "");
  to->on(reported(10, kInfinity));
  json line = json::parse(read_bytes(path()));
  EXPECT_EQ(line.at("kind"), "train");
  EXPECT_TRUE(line.at("loss").is_null());
  std::string names;
  for (const auto& [name, value] : line.items()) names += name + " ";
  EXPECT_EQ(names,
            "grad_norm kind learning_rate loss memory seconds skipped spikes step tokens "
            "tokens_per_second ");
  to->on(training::Validated{10, kInfinity - kInfinity, 0.5});
  EXPECT_NE(read_bytes(path()).find(
                "\n{\"kind\":\"validation\",\"step\":10,\"loss\":null,\"seconds\":0.5}\n"),
            std::string::npos)
      << read_bytes(path());
  const report::Metrics metrics = read_metrics(path());
  EXPECT_TRUE(std::isnan(metrics.train.at(0).loss));
  EXPECT_TRUE(std::isnan(metrics.validations.at(0).loss));
}

TEST_F(MetricsTest, AResumedTrainingGoesOnAfterItsStep) {
  train(*sink(), 10, 50, 3);
  train(*sink(30), 40, 60, 2);
  EXPECT_EQ(losses(), (std::vector<std::pair<int64_t, double>>{
                          {10, 3}, {20, 3}, {30, 3}, {40, 2}, {50, 2}, {60, 2}}));
  EXPECT_EQ(read_metrics(path()).validations.size(), 6u);
  // Before its first event nothing is touched: another process may be writing.
  const auto later = sink();
  EXPECT_EQ(losses().size(), 6u);
  train(*later, 10, 10, 1);
  EXPECT_EQ(losses(), (std::vector<std::pair<int64_t, double>>{{10, 1}}));
}

// A report and a validation may be written after the checkpoint of their step, and come again.
TEST_F(MetricsTest, WhatIsRepeatedStandsThereOnce) {
  {
    const auto first = sink();
    first->on(training::Validated{1, 5, 1});
    first->on(reported(1, 4));
    first->on(training::Validated{1, 4.5, 1});
    first->on(reported(2, 3));
  }
  const auto without_memory = [](const std::string& text) {
    return std::regex_replace(text, std::regex("\"memory\":[0-9]+"), "");
  };
  const std::string whole = read_bytes(path());
  {
    const auto again = sink(2);
    again->on(reported(2, 3));
  }
  EXPECT_EQ(without_memory(read_bytes(path())), without_memory(whole));
  {
    const auto again = sink(1);
    again->on(training::Validated{1, 4.5, 1});
    again->on(reported(2, 3));
  }
  EXPECT_EQ(without_memory(read_bytes(path())), without_memory(whole));
  const auto validations = read_metrics(path()).validations;
  ASSERT_EQ(validations.size(), 2u);
  EXPECT_EQ(validations[0].loss, 5);
  // That of the start alone is not repeated.
  write_bytes(path(), whole.substr(0, whole.find('\n') + 1));
  sink(1)->on(training::Validated{1, 4.5, 1});
  EXPECT_EQ(read_metrics(path()).validations.size(), 2u);
}

TEST_F(MetricsTest, AHalfLineOfAProcessThatDiedGoesWhenItIsResumed) {
  train(*sink(), 10, 20, 3);
  const std::string whole = read_bytes(path());
  write_bytes(path(), whole + R"({"kind":"train","step":30,"lo)");
  EXPECT_EQ(read_metrics(path()).broken, 1u);
  EXPECT_EQ(losses().size(), 2u);
  train(*sink(20), 30, 30, 2);
  EXPECT_EQ(read_metrics(path()).broken, 0u);
  EXPECT_EQ(losses(), (std::vector<std::pair<int64_t, double>>{{10, 3}, {20, 3}, {30, 2}}));
  EXPECT_EQ(read_bytes(path()).substr(0, whole.size()), whole);
}

TEST_F(MetricsTest, AFullDiskIsSaidOnceAndLeavesWholeLines) {
  const auto to = sink();
  to->on(reported(10, 3));
  const std::string before = read_bytes(path());
  {
    const FileSizeLimit limit(before.size() + 40);
    train(*to, 20, 60, 2);
  }
  ASSERT_EQ(front_end_->warnings.size(), 1u);
  EXPECT_NE(front_end_->warnings[0].find("metrics.jsonl"), std::string::npos);
  EXPECT_NE(front_end_->warnings[0].find("The training goes on"), std::string::npos);
  EXPECT_EQ(read_bytes(path()), before);
  to->on(reported(70, 1));  // there is room again
  EXPECT_EQ(losses(), (std::vector<std::pair<int64_t, double>>{{10, 3}, {70, 1}}));
  EXPECT_EQ(read_metrics(path()).broken, 0u);
}

TEST_F(MetricsTest, AFolderThatCannotBeMadeIsSaidOnce) {
  write_bytes(folder_.path, "a file");
  train(*sink(), 10, 30, 3);
  ASSERT_EQ(front_end_->warnings.size(), 1u);
  EXPECT_EQ(read_bytes(folder_.path), "a file");
}

TEST_F(MetricsTest, LinesOfOthersAreSkippedAndCounted) {
  fs::create_directory(folder_.path);
  const std::string deep(3000, '[');
  write_bytes(path(), "\n\r\nnot JSON\n[1]\n" + deep + "\n\xff\xfe\n" + std::string(5000, ' ') +
                          "\n"
                          R"({"kind":"train","loss":1})"
                          "\n"
                          R"({"kind":"train","step":null})"
                          "\n"
                          R"({"kind":"train","step":-1})"
                          "\n"
                          R"({"kind":"train","step":1e400})"
                          "\n"
                          R"({"kind":"train","step":18446744073709551615})"
                          "\n"
                          R"({"kind":"train","step":1,"loss":"2"})"
                          "\n"
                          R"({"kind":"train","step":1,"memory":{}})"
                          "\n"
                          R"({"step":1,"loss":2})"
                          "\n"
                          R"({"kind":"other","step":1})"
                          "\n"
                          R"({"kind":"train","step":7,"tokens":null,"more":[]})");
  const report::Metrics metrics = read_metrics(path());
  EXPECT_EQ(metrics.broken, 13u);
  ASSERT_EQ(metrics.train.size(), 1u);
  EXPECT_EQ(metrics.train[0].step, 7);
  EXPECT_TRUE(std::isnan(metrics.train[0].loss));
  EXPECT_TRUE(metrics.validations.empty());
}

TEST_F(MetricsTest, AFileThatIsTooLargeIsRefused) {
  fs::create_directory(folder_.path);
  write_bytes(path(), "");
  fs::resize_file(path(), (size_t{128} << 20) + 1);
  EXPECT_THROW(read_metrics(path()), Error);
}

}  // namespace
}  // namespace graft::testing
