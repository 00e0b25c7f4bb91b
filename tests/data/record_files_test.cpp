#include "graft/data/record_files.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::write_bytes;

TEST(RecordFiles, HaveATextInEachRow) {
  const testing::TempFolder folder;
  write_bytes(folder / "a.jsonl",
              "\n{\"text\": \"a\", \"meta\": {\"text\": \"b\"}}\n{\"text\": \"c\"}");
  EXPECT_EQ(read_records(folder / "a.jsonl"), (std::vector<Record>{{2, "a"}, {3, "c"}}));
  write_bytes(folder / "a.csv", "id,text\n1,\"a\nb\"\n");
  EXPECT_EQ(read_records(folder / "a.csv"), (std::vector<Record>{{2, "a\nb"}}));

  const auto expect = [&](std::string_view bytes, std::string_view message) {
    write_bytes(folder / "a.jsonl", bytes);
    expect_error([&] { read_records(folder / "a.jsonl"); }, message);
  };
  expect("{\"text\": \"a\"}\n{\"label\": 1}", "a.jsonl:2: no \"text\" among its keys");
  expect("{\"text\": 1}", "a.jsonl:1: \"text\" is not a string but number");
  expect("\n\n", "a.jsonl holds no examples");
  expect_error([&] { read_records(folder / "b.jsonl"); }, "b.jsonl: a data folder holds");
}

}  // namespace
}  // namespace graft::data
