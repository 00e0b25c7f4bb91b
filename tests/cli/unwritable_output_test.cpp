// Output that cannot be written: one line says so, and what was there before stays as it was.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/cli/program_fixture.h"
#include "tests/data/make_archive.h"

namespace graft::testing {
namespace {

// Room for what the program prints, but for less than it writes.
constexpr rlim_t kLessThanAnAdapter = 4096;
constexpr rlim_t kLessThanTheWeights = 32768;

Members small_wikisql() {
  const std::string table =
      R"({"id": "1-10-1", "header": ["Player", "No."], "types": ["text", "real"]})";
  std::string questions;
  for (int i = 0; i < 100; ++i) {
    questions +=
        R"({"table_id": "1-10-1", "question": "Who?", "sql": {"sel": 0, "agg": 0, "conds": []}})"
        "\n";
  }
  return {{"data/train.jsonl", questions}, {"data/train.tables.jsonl", table},
          {"data/dev.jsonl", questions},   {"data/dev.tables.jsonl", table},
          {"data/test.jsonl", questions},  {"data/test.tables.jsonl", table}};
}

class UnwritableOutput : public ProgramTest {
 protected:
  ProgramResult run_on_full_disk(const std::vector<std::string>& arguments, rlim_t room) {
    ProgramOptions options;
    options.file_size_limit = room;
    return run(arguments, options);
  }

  ProgramResult train_on_full_disk(const std::vector<std::string>& more) {
    ProgramOptions options;
    options.file_size_limit = kLessThanAnAdapter;
    return train(more, options);
  }

  // The command on a full disk, where nothing was before and where an earlier output stands.
  void expect_nothing_lost(const std::vector<std::string>& command, rlim_t room,
                           const std::string& file) {
    auto before = files();
    expect_refused(run_on_full_disk(command, room), 1, "cannot write " + file + ": File too large");
    expect_files(before);
    ASSERT_EQ(run(command).code, 0);
    before = files();
    expect_refused(run_on_full_disk(command, room), 1, "cannot write " + file + ": File too large");
    expect_files(before);
  }

  std::vector<std::string> wikisql(const std::string& output) {
    write("wikisql.tar.bz2", make_archive(small_wikisql()));
    return {"data",     "wikisql", "--url", "file://" + (folder_ / "wikisql.tar.bz2").string(),
            "--output", output};
  }
};

TEST_F(UnwritableOutput, FullDiskLeavesTheEarlierAdapter) {
  for (const char* file : {"adapters.npz", "adapters.safetensors"}) {
    auto before = files();
    expect_refused(train_on_full_disk({"--adapter-file", file}), 1,
                   std::string("cannot write ") + file + ": File too large");
    expect_files(before);
    ASSERT_EQ(train({"--adapter-file", file}).code, 0);
    before = files();
    expect_refused(train_on_full_disk({"--adapter-file", file, "--seed", "2"}), 1,
                   std::string("cannot write ") + file + ": File too large");
    expect_files(before);
  }
}

TEST_F(UnwritableOutput, FullStandardOutputIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  ProgramOptions options;
  options.output = "/dev/full";
  expect_refused(run({"generate", "--model", "model", "-p", "the", "-m", "4"}, options), 1,
                 "cannot write all of standard output");
}

// Somebody may make room before the night is over.
TEST_F(UnwritableOutput, FullDiskIsToldAtEverySaveAndEndsTheTrainingAtTheLast) {
  const ProgramResult result = train_on_full_disk({"--iters", "30", "--save-every", "10"});
  expect_refused(result, 1, "graft: cannot write adapters.npz: File too large");
  for (const char* iteration : {"10", "20"}) {
    EXPECT_NE(result.err.find(fmt::format("warning: iteration {}: cannot write adapters.npz: File "
                                          "too large",
                                          iteration)),
              std::string::npos)
        << result.err;
  }
  EXPECT_EQ(result.out.find("Saved"), std::string::npos) << result.out;
}

TEST_F(UnwritableOutput, FullDiskLeavesTheEarlierFusedModel) {
  ASSERT_EQ(train().code, 0);
  expect_nothing_lost({"fuse", "--model", "model"}, kLessThanTheWeights,
                      "lora_fused_model/model.safetensors");
}

TEST_F(UnwritableOutput, FullDiskLeavesTheEarlierConvertedModel) {
  expect_nothing_lost({"convert", "--hf-path", "model"}, kLessThanTheWeights,
                      "mlx_model/model.safetensors");
  expect_nothing_lost({"convert", "--hf-path", "model", "--mlx-path", "q", "-q", "--q-group-size",
                       "32", "--q-bits", "8"},
                      kLessThanTheWeights, "q/model.safetensors");
}

// The weights are written by then.
TEST_F(UnwritableOutput, FullDiskAtTheTokenizerLeavesTheEarlierConvertedModel) {
  std::string tokenizer = read_bytes(folder_ / "model" / "tokenizer.json");
  write("model/tokenizer.json", tokenizer + std::string(1 << 20, ' '));
  expect_nothing_lost({"convert", "--hf-path", "model"}, 1 << 19, "mlx_model/tokenizer.json");
}

TEST_F(UnwritableOutput, FullDiskLeavesTheEarlierDataSet) {
  std::vector<std::string> command = wikisql("sql");
  ASSERT_EQ(run(command).code, 0);
  auto before = files();
  expect_refused(run_on_full_disk(command, kLessThanAnAdapter), 1, "train.jsonl: File too large");
  expect_files(before);
}

TEST_F(UnwritableOutput, FolderThatCannotBeMadeIsNamed) {
  ASSERT_EQ(train().code, 0);
  std::vector<std::string> fetch = wikisql("model/config.json/out");
  auto before = files();
  // Nothing can lie under a file, whoever asks.
  expect_refused(run({"convert", "--hf-path", "model", "--mlx-path", "data/test.jsonl/out"}), 1,
                 "cannot create data/test.jsonl/out: Not a directory");
  expect_refused(run({"fuse", "--model", "model", "--save-path", "data/test.jsonl/out/"}), 1,
                 "cannot create data/test.jsonl/out: Not a directory");
  expect_refused(run(fetch), 1, "cannot create model/config.json/out: Not a directory");
  expect_refused(train({"--adapter-file", "data/test.jsonl/a.npz"}), 2,
                 "there is no folder data/test.jsonl");
  expect_files(before);
}

// Root may write into any folder but those that are no disk's.
TEST_F(UnwritableOutput, ReadOnlyFolderIsNamed) {
  if (!fs::exists("/proc/self")) GTEST_SKIP() << "there is no /proc";
  ASSERT_EQ(train().code, 0);
  auto before = files();
  expect_refused(run({"convert", "--hf-path", "model", "--mlx-path", "/proc/out"}), 1,
                 "cannot write /proc/out: ");
  expect_refused(run({"fuse", "--model", "model", "--save-path", "/proc/out"}), 1,
                 "cannot write /proc/out: ");
  expect_refused(run(wikisql("/proc/out")), 1, "cannot create /proc/out: ");
  fs::remove(folder_ / "wikisql.tar.bz2");
  for (const char* file : {"/proc/adapters.npz", "/proc/adapters.safetensors"}) {
    expect_refused(train({"--adapter-file", file}), 1, std::string("cannot write ") + file + ": ");
  }
  expect_files(before);
}

}  // namespace
}  // namespace graft::testing
