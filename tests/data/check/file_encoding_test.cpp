#include "graft/data/check/file_encoding.h"

#include <gtest/gtest.h>

#include <string_view>

namespace graft::data::check {
namespace {

// Of a file that is read in parts of so many bytes.
std::vector<std::string> oddities(std::string_view bytes, size_t part) {
  TextForm form;
  for (size_t at = 0; at < bytes.size(); at += part) form.add(bytes.substr(at, part));
  return oddities_of(form);
}

using Lines = std::vector<std::string>;

void expect_oddities(std::string_view bytes, const Lines& expected) {
  for (size_t part = 1; part <= bytes.size() + 1; ++part) {
    EXPECT_EQ(oddities(bytes, part), expected) << bytes << " by " << part;
  }
}

TEST(FileEncoding, UsualFilesAreNotOdd) {
  for (const char* usual : {"", "{}\n{}\n", "{}\r\n{}\r\n", "{}", "\n\n{}", "\r\n\r\n{}\r\n"}) {
    expect_oddities(usual, {});
  }
  expect_oddities("\xEF\xBB{}\n \xEF\xBB\xBF\n", {});
}

TEST(FileEncoding, ByteOrderMarks) {
  expect_oddities("\xEF\xBB\xBF{}\n", {"it begins with a byte order mark"});
  expect_oddities("{}\n\n\xEF\xBB\xBF{}\n",
                  {"line 3 begins with a byte order mark, as where files were joined"});
}

TEST(FileEncoding, LineEnds) {
  expect_oddities("{}\r{}\r{}\r", {"lines end in CR alone, as on old Macs"});
  expect_oddities("{}\n{}\n{}\r\n", {"line ends are mixed: LF (line 1), CR LF (line 3)"});
  expect_oddities("{}\r{}\n{}\r\n{}\r",
                  {"line ends are mixed: LF (line 2), CR LF (line 3), CR (line 1)"});
}

TEST(FileEncoding, OfWhatIsNoTextNothingIsSaid) {
  expect_oddities(std::string_view("\xff\xfe{\0}\0\r\0\n\0", 10), {});
}

}  // namespace
}  // namespace graft::data::check
