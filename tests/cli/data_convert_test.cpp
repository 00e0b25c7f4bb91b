// `graft data convert` and `graft data split`.

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class DataConvert : public ProgramTest {
 protected:
  DataConvert() {
    write("in.jsonl",
          "{\"prompt\": \"a\", \"completion\": \"b\", \"id\": 1}\n"
          "{\"prompt\": \"c\", \"completion\": \"d\", \"id\": 2}\n");
  }

  ProgramResult convert(std::vector<std::string> more, ProgramOptions options = {}) {
    more.insert(more.begin(), {"data", "convert"});
    return run(more, std::move(options));
  }
};

TEST_F(DataConvert, WritesAnotherFormat) {
  const ProgramResult result = convert({"in.jsonl", "out.csv", "--to", "instruction", "--only"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "Wrote out.csv (2 records)\n");
  EXPECT_EQ(read_bytes(folder_ / "out.csv"), "instruction,input,output\na,,b\nc,,d\n");
  EXPECT_EQ(convert({"out.csv", "back.jsonl", "--to", "pair"}).code, 0);
  EXPECT_EQ(read_bytes(folder_ / "back.jsonl"),
            "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"c\",\"completion\":\"d\"}\n");
}

TEST_F(DataConvert, TextsNeedAModel) {
  expect_refused(convert({"in.jsonl", "out.jsonl", "--to", "text"}), 2, "name a model");
  EXPECT_EQ(convert({"in.jsonl", "out.jsonl", "--to", "text", "--model", "model", "--raw-pairs",
                     "--only"})
                .code,
            0);
  EXPECT_EQ(read_bytes(folder_ / "out.jsonl"), "{\"text\":\"ab\"}\n{\"text\":\"cd\"}\n");
}

TEST_F(DataConvert, SkipsAndSaysSo) {
  write("in.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"text\": \"x\"}\n");
  expect_refused(convert({"in.jsonl", "out.jsonl", "--to", "chat"}), 1, "in.jsonl:2: ");
  EXPECT_FALSE(fs::exists(folder_ / "out.jsonl"));
  const ProgramResult result = convert({"in.jsonl", "out.jsonl", "--to", "chat", "--skip"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.err.find("1 of 2 records are left out; the first: in.jsonl:2: "),
            std::string::npos)
      << result.err;
}

TEST_F(DataConvert, ReplacesOnlyWhenAsked) {
  write("out.jsonl", "mine");
  expect_refused(convert({"in.jsonl", "out.jsonl", "--to", "chat"}), 2,
                 "out.jsonl is there already: --force replaces it");
  EXPECT_EQ(read_bytes(folder_ / "out.jsonl"), "mine");
  EXPECT_EQ(convert({"in.jsonl", "in.jsonl", "--to", "chat", "--force"}).code, 0);
  EXPECT_TRUE(read_bytes(folder_ / "in.jsonl").starts_with("{\"messages\""));
}

TEST_F(DataConvert, WrongInput) {
  expect_refused(convert({"missing.jsonl", "o.jsonl", "--to", "chat"}), 1, "missing.jsonl");
  expect_refused(convert({"in.jsonl", "o.xml", "--to", "chat"}), 2, "o.xml");
  expect_refused(convert({"in.jsonl", "no/o.jsonl", "--to", "chat"}), 1, "no");
  expect_refused(convert({"in.jsonl", "o.jsonl", "--to", "xml"}), 2, "--to");
  expect_refused(convert({"in.jsonl", "o.jsonl"}), 2, "--to");
  // On a full disk nothing is left.
  write("big.jsonl", "{\"prompt\": \"a\", \"completion\": \"" + std::string(9000, 'b') + "\"}\n");
  expect_refused(convert({"big.jsonl", "o.jsonl", "--to", "chat"}, {.file_size_limit = 4096}), 1,
                 "o.jsonl");
  EXPECT_FALSE(fs::exists(folder_ / "o.jsonl"));
}

TEST_F(DataConvert, SplitsAreUsedByATraining) {
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += "{\"text\": \"the " + std::to_string(i) + "\"}\n";
  write("all.jsonl", rows);
  const ProgramResult result =
      run({"data", "split", "all.jsonl", "parts", "--valid", "0.2", "--test", "0.2"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "Wrote parts/train.jsonl \\([0-9]+ records\\)");
  expect_line(result.out, "Wrote parts/valid.jsonl \\([0-9]+ records\\)");
  expect_line(result.out, "Wrote parts/test.jsonl \\([0-9]+ records\\)");
  const ProgramResult checked = run({"data", "check", "parts", "--strict", "--show", "0"});
  EXPECT_EQ(checked.code, 0) << checked.out;
  expect_line(checked.out, "test  parts/test.jsonl");
  expect_refused(run({"data", "split", "all.jsonl", "parts"}), 2, "--force replaces it");
  EXPECT_EQ(run({"data", "split", "all.jsonl", "parts", "--force"}).code, 0);
  expect_refused(run({"data", "split", "all.jsonl", "p2", "--valid", "0.6", "--test", "0.4"}), 2,
                 "leave nothing to train on");
}

}  // namespace
}  // namespace graft::testing
