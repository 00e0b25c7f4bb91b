#include "graft/data/check/file_encoding.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace graft::data::check {
namespace {

std::vector<std::string> oddities(std::string_view bytes) {
  const testing::TempFolder folder;
  testing::write_bytes(folder / "a.jsonl", bytes);
  return oddities_of({folder / "a.jsonl", "a.jsonl"});
}

using Lines = std::vector<std::string>;

TEST(FileEncoding, UsualFilesAreNotOdd) {
  EXPECT_EQ(oddities(""), Lines{});
  EXPECT_EQ(oddities("{}\n{}\n"), Lines{});
  EXPECT_EQ(oddities("{}\r\n{}\r\n"), Lines{});
  EXPECT_EQ(oddities("{}"), Lines{});
  EXPECT_EQ(oddities_of({"missing.jsonl", "missing.jsonl"}), Lines{});
}

TEST(FileEncoding, ByteOrderMarks) {
  EXPECT_EQ(oddities("\xEF\xBB\xBF{}\n"), Lines{"it begins with a byte order mark"});
}

TEST(FileEncoding, LineEnds) {
  EXPECT_EQ(oddities("{}\r{}\r{}\r"), Lines{"lines end in CR alone, as on old Macs"});
  EXPECT_EQ(oddities("{}\n{}\n{}\r\n"), Lines{"line ends are mixed: LF (line 1), CR LF (line 3)"});
  EXPECT_EQ(oddities("{}\r{}\n{}\r\n{}\r"),
            Lines{"line ends are mixed: LF (line 2), CR LF (line 3), CR (line 1)"});
}

TEST(FileEncoding, OfWhatIsNoTextNothingIsSaid) {
  EXPECT_EQ(oddities("PAR1\r\n\r"), Lines{});
  EXPECT_EQ(oddities(std::string_view("\xff\xfe{\0}\0\r\0\n\0", 10)), Lines{});
}

}  // namespace
}  // namespace graft::data::check
