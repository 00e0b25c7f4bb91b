// `graft report`: the page of a run, and of several.

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class ReportCommand : public ProgramTest {
 protected:
  void add_run(const std::string& name, int rank, const std::string& loss) {
    fs::create_directory(folder_ / name);
    write((name + "/metrics.jsonl").c_str(),
          R"({"kind":"validation","step":1,"loss":3,"seconds":0.5})"
          "\n"
          R"({"kind":"validation","step":20,"loss":)" +
              loss + "}\n");
    write((name + "/run.json").c_str(),
          R"({"status":"finished","config":{"rank":)" + std::to_string(rank) + ",\"seed\":0}}");
  }
};

TEST_F(ReportCommand, WritesThePageIntoTheRunsFolder) {
  add_run("adapters.run", 8, "2");
  const ProgramResult result = run({"report", "adapters.run/"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out, "Wrote adapters.run/report.html\n");
  EXPECT_NE(read_bytes(folder_ / "adapters.run/report.html").find("\"name\":\"adapters\""),
            std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "report.html"));
}

TEST_F(ReportCommand, FindsTheFolderOfAnAdapter) {
  add_run("adapters.run", 8, "2");
  EXPECT_EQ(run({"report", "adapters.npz"}).out, "Wrote adapters.run/report.html\n");
  write("adapters.safetensors", "any");
  EXPECT_EQ(run({"report", "adapters.safetensors", "--output", "p.html"}).out, "Wrote p.html\n");
  EXPECT_TRUE(fs::exists(folder_ / "p.html"));
}

TEST_F(ReportCommand, ComparesSeveral) {
  add_run("a.run", 8, "2");
  add_run("b.run", 16, "1.5");
  fs::create_directory(folder_ / "other");
  add_run("other/a.run", 8, "null");
  const ProgramResult result = run({"report", "a.run", "b.npz", "other/a.npz"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "run          rank  loss before  after  best   at step\n"
            "a.run        8     3.000        2.000  2.000  20\n"
            "b            16    3.000        1.500  1.500  20\n"
            "other/a.run  8     3.000        3.000  3.000  1\n"
            "Wrote report.html\n");
  EXPECT_TRUE(fs::exists(folder_ / "report.html"));
  EXPECT_FALSE(fs::exists(folder_ / "a.run/report.html"));
}

TEST_F(ReportCommand, WhatIsNoRunIsRefusedInOneLine) {
  expect_refused(run({"report", "data"}), 1, "data has no metrics.jsonl");
  expect_refused(run({"report", "adapters.npz"}), 1,
                 "adapters.npz is neither a run's folder nor an adapter with one: there is no "
                 "folder adapters.run");
  expect_refused(run({"report"}), 2, "run is required");
  add_run("adapters.run", 8, "2");
  write("adapters.run/run.json", "{");
  expect_refused(run({"report", "adapters.run"}), 1, "adapters.run/run.json");
}

TEST_F(ReportCommand, SaysHowManyLinesWereBroken) {
  add_run("adapters.run", 8, "2");
  write("adapters.run/metrics.jsonl", "{\"kind\":\"train\",\"step\":1}\n{\"kind\":\"tr");
  const ProgramResult result = run({"report", "adapters.run"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.err.find("1 line of adapters.run/metrics.jsonl is no reading"),
            std::string::npos)
      << result.err;
}

}  // namespace
}  // namespace graft::testing
