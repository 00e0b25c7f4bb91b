// `graft data check`: what a person sees of a data set and its problems.

#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program_fixture.h"
#include "tests/support/terminal.h"

namespace graft::testing {
namespace {

class DataCheck : public ProgramTest {
 protected:
  ProgramResult check(std::vector<std::string> more, ProgramOptions options = {}) {
    more.insert(more.begin(), {"data", "check"});
    return run(more, std::move(options));
  }

  // A set with one duplicate, and a text that could steer a terminal.
  void write_bad() {
    fs::create_directory(folder_ / "bad");
    write("bad/train.jsonl",
          "{\"text\": \"a\\u001b[31m text\"}\n{\"text\": \"the\"}\n{\"text\": \"the\"}\n");
  }
};

TEST_F(DataCheck, NeedsNoModel) {
  write_bad();
  const ProgramResult result = check({"bad"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  expect_line(result.out, "train  bad/train.jsonl");
  expect_line(result.out, "  3 records, text \\(text\\)");
  expect_line(result.out, "  17 characters: mean 5.7, median 3, p95 11, p99 11, longest 11");
  expect_line(result.out, "duplicates within a split: 1");
  expect_line(result.out, "    bad/train.jsonl:3  as bad/train.jsonl:2");
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);
  EXPECT_NE(result.out.find("\\u{1b}[31m"), std::string::npos);
}

TEST_F(DataCheck, ShowsRecordsAsTheModelSeesThem) {
  write("pairs.jsonl", "{\"prompt\": \"the \", \"completion\": \"end\"}\n");
  const ProgramResult result =
      check({"--data", "pairs.jsonl", "--model", "model", "--raw-pairs", "--show", "1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find(" the [[end</s>]]"), std::string::npos) << result.out;
  expect_line(result.out, "No problem was found.");
  EXPECT_EQ(check({"pairs.jsonl", "--model", "model", "--show", "0"}).out.find("[["),
            std::string::npos);
}

TEST_F(DataCheck, KeepsTheBracketsOfATextApartFromItsOwn) {
  write("pairs.jsonl", "{\"prompt\": \"the a[1]]\", \"completion\": \"end\"}\n");
  const ProgramResult result =
      check({"--data", "pairs.jsonl", "--model", "model", "--raw-pairs", "--show", "1"});
  EXPECT_NE(result.out.find(" the a[1]][[end</s>]]"), std::string::npos) << result.out;
}

TEST_F(DataCheck, ColoursWhatIsTrainedOnATerminal) {
  write("pairs.jsonl", "{\"prompt\": \"the \", \"completion\": \"end\"}\n");
  const std::vector<std::string> arguments = {"data",  "check",       "pairs.jsonl", "--model",
                                              "model", "--raw-pairs", "--show",      "1"};
  const TerminalResult coloured = run_in_terminal(arguments, {.folder = folder_.path()});
  EXPECT_EQ(coloured.code, 0);
  EXPECT_NE(coloured.shown.find("\x1b[32mend\x1b[0m"), std::string::npos) << coloured.shown;
  EXPECT_EQ(coloured.shown.find("[[end"), std::string::npos);
  const TerminalResult plain =
      run_in_terminal(arguments, {.folder = folder_.path(), .environment = {"NO_COLOR=1"}});
  EXPECT_NE(plain.shown.find("[[end</s>]]"), std::string::npos) << plain.shown;
  EXPECT_EQ(plain.shown.find("\x1b[32m"), std::string::npos);
}

TEST_F(DataCheck, CountsTokensAndWhatIsCut) {
  const ProgramResult result = check({"data", "--model", "model", "--max-seq-length", "4"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("longer than --max-seq-length 4: cutting them loses"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("records that are too long:"), std::string::npos);
  EXPECT_NE(result.out.find("see --overlong"), std::string::npos);
}

TEST_F(DataCheck, StrictEndsWithOne) {
  write_bad();
  EXPECT_EQ(check({"bad", "--strict"}).code, 1);
  write("good.jsonl", "{\"text\": \"one\"}\n");
  EXPECT_EQ(check({"good.jsonl", "--strict"}).code, 0);
}

TEST_F(DataCheck, PrintsJson) {
  write_bad();
  const ProgramResult result = check({"bad", "--json", "--strict"});
  EXPECT_EQ(result.code, 1);
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report["problem_count"], 1);
  EXPECT_EQ(report["problems"][0]["kind"], "duplicate");
  EXPECT_EQ(report["shown"][0]["examples"][0]["runs"][0]["text"], "a\x1b[31m text");
}

TEST_F(DataCheck, JsonHoldsAnyCharacter) {
  write("odd.jsonl", "{\"text\": \"\\u0085\\u007f\\u0000\\u009b \\ud83d\\ude00\"}\n");
  const auto report = nlohmann::json::parse(check({"odd.jsonl", "--json"}).out);
  EXPECT_EQ(report["shown"][0]["examples"][0]["runs"][0]["text"],
            std::string("\xC2\x85\x7f\0\xC2\x9b \xF0\x9F\x98\x80", 11));
}

TEST_F(DataCheck, JsonHoldsAnyName) {
  write("a\x7f\xff.jsonl", "{\"text\": \"one\"}\n");
  const auto report = nlohmann::json::parse(check({"a\x7f\xff.jsonl", "--json"}).out);
  EXPECT_EQ(report["sources"][0]["name"], "a\x7f\xEF\xBF\xBD.jsonl");
}

TEST_F(DataCheck, TokensThatTheModelLacks) {
  auto config = nlohmann::json::parse(read_bytes(folder_ / "model" / "config.json"));
  EXPECT_EQ(check({"data", "--model", "model"}).out.find("that the model lacks"),
            std::string::npos);
  config["vocab_size"] = 100;
  write("model/config.json", config.dump());
  const ProgramResult result = check({"data", "--model", "model"});
  expect_line(result.out, "records with tokens that the model lacks: [0-9]+");
  config["model_type"] = "unheard of";  // whose vocabulary is not known
  write("model/config.json", config.dump());
  EXPECT_EQ(check({"data", "--model", "model"}).out.find("that the model lacks"),
            std::string::npos);
}

TEST_F(DataCheck, PreferencesAreNotTrainedOn) {
  write("p.jsonl", "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n");
  expect_line(check({"p.jsonl"}).out,
              "  preference records: this version checks and shows them, it does not train on "
              "them");
}

TEST_F(DataCheck, WritesAPage) {
  write_bad();
  const ProgramResult result = check({"bad", "--html", "p.html"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "Wrote p.html");
  const std::string page = read_bytes(folder_ / "p.html");
  EXPECT_TRUE(page.starts_with("<!doctype html>"));
  EXPECT_NE(page.find("duplicates within a split"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos);
  EXPECT_EQ(page.find("https://"), std::string::npos);
  expect_refused(check({"bad", "--html", "no/p.html"}), 1, "no/p.html");
}

TEST_F(DataCheck, ListsAllBrokenRecordsUpToALimit) {
  write("broken.jsonl", "{\"text\": \"one\"}\n{\n{\n{\n{\"text\": \"two\"}\n");
  const ProgramResult result = check({"broken.jsonl", "--list", "2"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "  2 records, text \\(text\\); 3 cannot be read");
  expect_line(result.out, "records that cannot be read: 3");
  EXPECT_NE(result.out.find("broken.jsonl:3"), std::string::npos);
  EXPECT_EQ(result.out.find("broken.jsonl:4"), std::string::npos);
  expect_line(result.out, "    and 1 more \\(--list\\)");
}

TEST_F(DataCheck, SplitsThatAreMadeHaveNoDuplicates) {
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += "{\"text\": \"" + std::to_string(i % 50) + "\"}\n";
  write("all.jsonl", rows);
  const ProgramResult result = check({"all.jsonl", "--valid-split", "0.2", "--show", "0"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("valid  all.jsonl"), std::string::npos) << result.out;
  expect_line(result.out, "duplicates within a split: 50");
  EXPECT_EQ(result.out.find("between splits"), std::string::npos);
}

TEST_F(DataCheck, SeveralSetsAndKeys) {
  write("a.csv", "frage,antwort\none,two\n");
  write("b.jsonl", "{\"frage\": \"three\", \"antwort\": \"four\"}\n");
  const ProgramResult result = check({"--data", "a.csv", "--data", "b.jsonl", "--prompt-key",
                                      "frage", "--completion-key", "antwort"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "train  a.csv");
  expect_line(result.out, "train  b.jsonl");
  expect_line(result.out, "No problem was found.");
}

TEST_F(DataCheck, ReadsAPipe) {
  const std::string rows = "{\"text\": \"one\"}\n{\"text\": \"one\"}\n";
  const ProgramResult result = check({"-"}, {.input = rows});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "    -:2  as -:1");
  write("rows.jsonl", rows);
  const std::string command = "cd '" + folder_.path().string() + "' && cat rows.jsonl | '" +
                              program().string() + "' data check /dev/stdin > out";
  ASSERT_EQ(std::system(command.c_str()), 0);
  expect_line(read_bytes(folder_ / "out"), "    /dev/stdin:2  as /dev/stdin:1");
  expect_refused(check({"-", "--valid-split", "0.5"}, {.input = rows}), 2, "--valid-split");
}

TEST_F(DataCheck, WrongInput) {
  expect_refused(check({"missing"}), 1, "missing");
  expect_refused(check({"data", "--model", "nowhere"}), 1, "nowhere");
  expect_refused(check({"data", "--show", "-1"}), 2, "--show");
  expect_refused(check({"data", "--text-key", "a", "--messages-key", "b"}), 2, "--messages-key");
  fs::create_directory(folder_ / "empty");
  expect_refused(check({"empty"}), 1, "empty: there is neither train, valid nor test.jsonl");
}

TEST_F(DataCheck, AFullDiskIsTold) {
  write_bad();
  expect_refused(check({"bad"}, {.output = "/dev/full"}), 1, "standard output");
}

TEST_F(DataCheck, AReaderThatLeavesIsNoError) {
  write_bad();
  const std::string command = "cd '" + folder_.path().string() + "' && ('" + program().string() +
                              "' data check bad 2> err; echo $? > code) | true";
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_bytes(folder_ / "err"), "");
}

}  // namespace
}  // namespace graft::testing
