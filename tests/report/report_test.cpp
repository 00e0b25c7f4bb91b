// run.json, the page, the comparison, and the sink that keeps them up to date.

#include "graft/report/report.h"

#include <gtest/gtest.h>

#include <limits>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/report/comparison.h"
#include "graft/report/metrics_sink.h"
#include "graft/report/page.h"
#include "graft/report/report_sink.h"
#include "graft/report/summary.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/paths.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::testing {
namespace {

using report::Run;
using report::RunFacts;
using report::RunStatus;

// The data that a page holds, as a browser takes it: up to the end of its script element.
json data_in(const std::string& page) {
  const std::string begin = R"(<script id="graft-data" type="application/json">)";
  const size_t at = page.find(begin) + begin.size();
  return json::parse(page.substr(at, page.find("</script", at) - at));
}

Run run_named(const std::string& name, ordered_json config, double loss) {
  report::Run run;
  run.facts.name = name;
  run.facts.config = std::move(config);
  run.metrics.validations = {{1, 3.0, 0.1}, {10, loss, 0.1}, {20, loss + 0.5, 0.1}};
  return run;
}

class ReportSinkTest : public ::testing::Test {
 protected:
  std::shared_ptr<report::ReportSink> sink() {
    RunFacts facts;
    facts.config = {{"rank", 8}};
    return std::make_shared<report::ReportSink>(folder_, facts, front_end_);
  }
  json page() const { return data_in(read_bytes(folder_.page())); }

  TempFolder temp_;
  report::RunFolder folder_{temp_ / "letters.run"};
  std::shared_ptr<RecordingFrontEnd> front_end_ = std::make_shared<RecordingFrontEnd>();
};

TEST(Report, ThePageIsThatOfTheTree) {
  EXPECT_EQ(report::page_template(), read_bytes(source_folder() / "graft/report/page.html"));
}

TEST(Report, TextsCannotEndTheData) {
  const std::string text = "</script><script>alert(1)</script><!-- \xe2\x80\xa8 \" \\ \x01 \xff";
  const std::string read_back =
      "</script><script>alert(1)</script><!-- \xe2\x80\xa8 \" \\ \x01 \xef\xbf\xbd";
  report::Run run = run_named(text, {{text, text}}, 2);
  run.facts.note = text;
  run.facts.summary = {{text, text}};
  run.facts.samples = {{text, text, text}};
  run.facts.commands = {{text, text}};
  run.facts.machine = {{"cpu", text}};
  const std::string page = report::report_page(report::report_json({&run, 1}));
  const std::string_view bare = report::page_template();
  const auto count = [](std::string_view in, std::string_view part) {
    int found = 0;
    for (size_t at = in.find(part); at != in.npos; at = in.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(page, "<"), count(bare, "<"));
  const json told = data_in(page).at("runs").at(0);
  EXPECT_EQ(told.at("name"), read_back);
  EXPECT_EQ(told.at("note"), read_back);
  EXPECT_EQ(told.at("config").at(read_back), read_back);
  EXPECT_EQ(told.at("summary").at(0), json::array({read_back, read_back}));
  EXPECT_EQ(told.at("samples").at(0),
            (json{{"prompt", read_back}, {"before", read_back}, {"after", read_back}}));
  EXPECT_EQ(told.at("commands").at(0), (json{{"what", read_back}, {"command", read_back}}));
}

TEST(Report, TheDataHasTheSchemaOfThePage) {
  report::Run run = run_named("one", {{"rank", 8}}, 2);
  run.metrics.train = {{.step = 5, .loss = 2.5}};
  run.facts.status = RunStatus::interrupted;
  const ordered_json data = report::report_json({&run, 1});
  EXPECT_EQ(data.at("version"), 1);
  EXPECT_EQ(data.at("program"), "graft " GRAFT_VERSION);
  EXPECT_TRUE(data.at("learning_rate_search").is_null());
  const ordered_json& told = data.at("runs").at(0);
  EXPECT_EQ(told.at("status"), "interrupted");
  EXPECT_TRUE(told.at("note").is_null());
  EXPECT_EQ(told.at("metrics").size(), 4u);
  EXPECT_EQ(told.at("metrics").at(0).at("kind"), "train");
  EXPECT_EQ(told.at("metrics").at(1).at("kind"), "validation");
}

TEST(RunFacts, AreReadAsTheyWereWritten) {
  TempFolder temp;
  RunFacts facts;
  facts.name = "letters";
  facts.status = RunStatus::stopped;
  facts.note = "the loss is not finite";
  facts.config = {{"z", 1e-5}, {"a", {"q_proj", "v_proj"}}};
  facts.machine = report::this_machine();
  facts.summary = {{"Loss", "2 (3 before)"}};
  facts.samples = {{"a", "b", "c"}};
  facts.commands = {{"Go on", "graft lora"}};
  report::write_facts(temp / "run.json", facts);
  EXPECT_EQ(to_json(report::read_facts(temp / "run.json")), to_json(facts));
  for (const char* key : {"cpu", "threads", "memory", "kernels", "system"}) {
    EXPECT_TRUE(facts.machine.contains(key)) << key;
  }
}

TEST(RunFacts, AFloatIsTheNumberThatWasGiven) {
  EXPECT_EQ(report::setting(0.005f).dump(), "0.005");
  EXPECT_EQ(report::setting(1e-5f).dump(), "1e-05");
  EXPECT_EQ(report::setting(20).dump(), "20.0");
  EXPECT_TRUE(report::setting(std::numeric_limits<float>::infinity()).is_null());
}

TEST(RunFacts, WhatIsOfAnotherTypeIsLeftOut) {
  TempFolder temp;
  write_bytes(temp / "run.json", R"({"name": 3, "status": "flying", "note": [], "config": [1],
    "machine": "fast", "summary": [1, ["a"], ["a", 2], {"a": "b"}], "samples": {"prompt": "a"},
    "commands": [null, {"what": 1, "command": "ls"}]})");
  const RunFacts facts = report::read_facts(temp / "run.json");
  EXPECT_EQ(facts.name, "");
  EXPECT_EQ(facts.status, RunStatus::running);
  EXPECT_TRUE(facts.config.is_object() && facts.config.empty());
  EXPECT_TRUE(facts.machine.is_object() && facts.machine.empty());
  EXPECT_EQ(facts.summary, (report::Summary{{"a", ""}}));
  EXPECT_TRUE(facts.samples.empty());
  ASSERT_EQ(facts.commands.size(), 1u);
  EXPECT_EQ(facts.commands[0].command, "ls");
  for (const char* text : {"[]", "{", "", "\xff"}) {
    write_bytes(temp / "run.json", text);
    EXPECT_THROW(report::read_facts(temp / "run.json"), Error) << text;
  }
}

TEST(Report, AFolderWithoutMetricsIsRefusedByName) {
  TempFolder temp;
  expect_error([&] { report::read_run({temp.path()}); }, "has no metrics.jsonl");
  write_bytes(temp / "metrics.jsonl", "");
  const report::Run run =
      report::read_run({temp.path() / ""});  // "folder/" as a shell completes it
  EXPECT_TRUE(run.metrics.empty());
  EXPECT_EQ(run.facts.name, temp.path().stem().string());
}

TEST(Summary, HasSixLines) {
  report::Metrics metrics;
  metrics.validations = {{1, 3.25, 1}, {10, 2.0, 1}, {20, 2.125, 1}, {30, report::kUnknown, 1}};
  metrics.train = {{.step = 10, .loss = 1, .tokens = 900, .memory = 2'500'000'000, .seconds = 60},
                   {.step = 30, .loss = 1, .tokens = 2'345'678, .memory = 1, .seconds = 3725}};
  EXPECT_EQ(report::summarize(metrics, {"adapters.npz", "adapters.run"}),
            (report::Summary{{"Loss", "2.125 (3.250 before)"},
                             {"Best step", "10 (2.000)"},
                             {"Time", "1h02m"},
                             {"Tokens", "2.3 M"},
                             {"Peak memory", "2.50 GB"},
                             {"Files", "adapters.npz (adapters.run)"}}));
  metrics.validations.clear();
  EXPECT_EQ(report::summarize(metrics, {})[0].second, "1.000 (1.000 before)");
  EXPECT_EQ(report::summarize(metrics, {"a.npz"})[5].second, "a.npz");
  metrics.train = {{.step = 5, .tokens = 500, .skipped = 1, .spikes = 1},
                   {.step = 10, .tokens = 900, .skipped = 1, .spikes = 3}};
  EXPECT_EQ(report::summarize(metrics, {})[3].second, "900 (1 step skipped, 3 spikes)");
  for (const auto& [label, text] : report::summarize({}, {})) EXPECT_EQ(text, "–") << label;
}

TEST(Comparison, ShowsWhatDiffers) {
  const std::vector<report::Run> runs = {
      run_named("small", {{"rank", 4}, {"rate", 1e-5}, {"seed", 0}}, 2),
      run_named("größer", {{"rank", 32}, {"rate", 1e-5}}, 1)};
  EXPECT_EQ(report::differing_settings(runs), (std::vector<std::string>{"rank", "seed"}));
  EXPECT_EQ(report::comparison_table(runs),
            "run     rank  seed  loss before  after  best   at step\n"
            "small   4     0     3.000        2.500  2.000  10\n"
            "größer  32    –     3.000        1.500  1.000  10\n");
}

TEST_F(ReportSinkTest, WritesThePageAtEachValidationAndAtTheEnd) {
  const auto metrics = report::make_metrics_sink(folder_, {}, front_end_);
  const auto to = sink();
  const auto validated = [&](int step, double loss) {
    metrics->on(training::Validated{step, loss, 0.5});
    to->on(training::Validated{step, loss, 0.5});
  };
  validated(1, 3);
  EXPECT_EQ(page().at("runs").at(0).at("name"), "letters");
  EXPECT_EQ(page().at("runs").at(0).at("status"), "running");
  EXPECT_EQ(page().at("runs").at(0).at("metrics").size(), 1u);
  validated(10, 2);
  EXPECT_EQ(page().at("runs").at(0).at("metrics").size(), 2u);
  to->on(training::Saved{10, "letters.npz"});
  to->facts().samples = {{"Hello", "a", "b"}};
  to->finish(RunStatus::finished);
  const json run = page().at("runs").at(0);
  EXPECT_EQ(run.at("status"), "finished");
  EXPECT_EQ(run.at("samples").size(), 1u);
  EXPECT_EQ(run.at("summary").at(0).at(1), "2.000 (3.000 before)");
  EXPECT_TRUE(run.at("summary").at(5).at(1).get<std::string>().starts_with("letters.npz ("));
  EXPECT_EQ(report::read_facts(folder_.facts()).status, RunStatus::finished);
  EXPECT_EQ(front_end_->warnings.size(), 0u);
}

TEST_F(ReportSinkTest, ARunThatNobodyFinishedWasStopped) {
  const auto metrics = report::make_metrics_sink(folder_, {}, front_end_);
  auto to = sink();
  metrics->on(training::Stepped{1, 20, 3, 1e-5, 100, 1});
  to->on(training::Stepped{1, 20, 3, 1e-5, 100, 1});
  to.reset();
  EXPECT_EQ(page().at("runs").at(0).at("status"), "stopped");
}

TEST_F(ReportSinkTest, ARunThatDidNotBeginLeavesAnEarlierOnesRecords) {
  fs::create_directory(folder_.path);
  write_bytes(folder_.metrics(), "");
  write_bytes(folder_.page(), "of an earlier run");
  sink()->finish(RunStatus::interrupted);
  sink().reset();
  EXPECT_EQ(names_in(folder_.path), (std::vector<std::string>{"metrics.jsonl", "report.html"}));
  EXPECT_EQ(read_bytes(folder_.page()), "of an earlier run");
}

TEST_F(ReportSinkTest, AFullDiskIsSaidOnceAndKeepsTheLastPage) {
  const auto metrics = report::make_metrics_sink(folder_, {}, front_end_);
  metrics->on(training::Validated{1, 3, 0.5});
  const auto to = sink();
  to->on(training::Validated{1, 3, 0.5});
  const std::string before = read_bytes(folder_.page());
  {
    const FileSizeLimit limit(5000);
    to->on(training::Validated{2, 3, 0.5});
    to->finish(RunStatus::finished);
  }
  EXPECT_EQ(front_end_->warnings.size(), 1u);
  EXPECT_EQ(read_bytes(folder_.page()), before);
}

}  // namespace
}  // namespace graft::testing
