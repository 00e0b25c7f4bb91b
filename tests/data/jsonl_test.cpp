#include "graft/data/jsonl.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_bytes;
using Records = std::vector<Record>;

class ReadJsonl : public ::testing::Test {
 protected:
  Records read(std::string_view bytes) {
    write_bytes(folder_ / "a.jsonl", bytes);
    return read_jsonl(folder_ / "a.jsonl");
  }

  TempFolder folder_;
};

TEST_F(ReadJsonl, IgnoresOtherKeys) {
  EXPECT_EQ(read(R"({"id": 3, "text": "a", "meta": {"text": "b"}, "tags": ["text", null]})"),
            (Records{{1, "a"}}));
}

TEST_F(ReadJsonl, CountsBlankRecordsAndSkipsThem) {
  EXPECT_EQ(read("\n{\"text\": \"a\"}\n\n \t\r\n{\"text\": \"b\"}\n\n"),
            (Records{{2, "a"}, {5, "b"}}));
}

TEST_F(ReadJsonl, NeedsNoNewlineAtTheEnd) {
  EXPECT_EQ(read("{\"text\": \"a\"}\n{\"text\": \"b\"}"), (Records{{1, "a"}, {2, "b"}}));
}

TEST_F(ReadJsonl, TakesFilesOfWindows) {
  EXPECT_EQ(read("\xEF\xBB\xBF{\"text\": \"a\"}\r\n{\"text\": \"b\\r\\n\"}\r\n"),
            (Records{{1, "a"}, {2, "b\r\n"}}));
}

TEST_F(ReadJsonl, EndsLinesAsPythonDoes) {
  EXPECT_EQ(read("{\"text\": \"a\"}\r{\"text\": \"b\"}\r\n\r{\"text\": \"c\"}\n"),
            (Records{{1, "a"}, {2, "b"}, {4, "c"}}));
}

TEST_F(ReadJsonl, KnowsTheNumbersOfPython) {
  EXPECT_EQ(
      read("{\"score\": NaN, \"text\": \"a\"}\n{\"text\": \"NaN\", \"n\": [-Infinity, 1e999]}"),
      (Records{{1, "a"}, {2, "NaN"}}));
  EXPECT_EQ(read(R"({"text": "a", "text": "b"})"), (Records{{1, "b"}}));
}

TEST_F(ReadJsonl, SaysWhatAFileOfAnotherKindIs) {
  const auto refused = [&](std::string_view bytes, const char* what) {
    expect_error([&] { read(bytes); }, {"a.jsonl", what});
  };
  refused(std::string_view("\xff\xfe{\0\"\0t\0", 8), "UTF-16, as PowerShell's");
  refused(std::string_view("{\0\"\0t\0e\0x\0", 10), "UTF-16");
  refused("[\n  {\"text\": \"a\"}\n]", "a.jsonl:1: a JSON array");
  refused("{\n  \"text\": \"a\"\n}", "a.jsonl:1: not valid JSON at byte 1: it ends too early");
  refused("\x1f\x8b\x08", "compressed (gzip)");
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS pointer");
}

TEST_F(ReadJsonl, KeepsEveryCharacterOfAText) {
  EXPECT_EQ(read("{\"text\": \" \\u00e9\\ud83d\\ude00\\u0000\\n\xC3\xA9 \"}"),
            (Records{{1, std::string(" \xC3\xA9\xF0\x9F\x98\x80\0\n\xC3\xA9 ", 12)}}));
}

TEST_F(ReadJsonl, AnEmptyFileIsAnError) {
  for (const char* bytes : {"", "\xEF\xBB\xBF", "\n\n"}) {
    expect_error([&] { read(bytes); }, {"a.jsonl", "holds no examples"});
  }
}

}  // namespace
}  // namespace graft::data
