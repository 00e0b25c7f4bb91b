#include "graft/data/importers/archive.h"

#include <gtest/gtest.h>

#include "tests/data/make_archive.h"
#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

using testing::make_archive;

void expect_failure(const std::string& bytes, const std::vector<std::string>& names,
                    std::string_view part, const ArchiveLimits& limits = {}) {
  testing::expect_error([&] { read_archive(bytes, "the archive", names, limits); }, part);
}

TEST(Archive, ReadsTheNamedFilesAndNothingElse) {
  const std::string large(300'000, 'x');
  const auto contents = read_archive(
      make_archive({{"a", "one"}, {"./d/b", large}, {"../../etc/evil", "bad"}, {"empty", ""}}),
      "the archive", {"d/b", "a", "empty"});
  ASSERT_EQ(contents.size(), 3u);
  EXPECT_EQ(contents.at("a"), "one");
  EXPECT_EQ(contents.at("d/b"), large);
  EXPECT_EQ(contents.at("empty"), "");
}

TEST(Archive, SaysWhatIsMissingOrThereTwice) {
  expect_failure(make_archive({{"a", "one"}}), {"a", "b"},
                 "the archive: there is no b in the archive");
  expect_failure(make_archive({{"a", "one"}, {"./a", "two"}}), {"a"},
                 "the archive: a is in the archive twice");
  expect_failure(make_archive({{"a", ""}}, AE_IFLNK), {"a"},
                 "the archive: there is no a in the archive");
}

TEST(Archive, RefusesEveryTruncation) {
  std::string noise;
  for (unsigned i = 0, state = 1; i < 20'000; ++i) {
    state = state * 1664525u + 1013904223u;
    noise.push_back(static_cast<char>(state >> 24));
  }
  const std::string whole = make_archive({{"a", noise}, {"b", "last"}});
  for (size_t length = 0; length < whole.size() - 1; length += 997) {
    SCOPED_TRACE(length);
    expect_failure(whole.substr(0, length), {"a", "b"}, "the archive: ");
  }
}

TEST(Archive, RefusesDamageAndOtherFormats) {
  std::string damaged = make_archive({{"a", std::string(5000, 'q')}});
  damaged[damaged.size() / 2] = static_cast<char>(~damaged[damaged.size() / 2]);
  expect_failure(damaged, {"a"}, "not a whole .tar.bz2 archive");
  expect_failure("<html>not found</html>", {"a"}, "not a whole .tar.bz2 archive");
  expect_failure("", {"a"}, "the archive: ");
}

TEST(Archive, KeepsToItsLimits) {
  const std::string bytes = make_archive({{"a", std::string(1000, 'a')}, {"b", "bb"}, {"c", "c"}});
  EXPECT_EQ(read_archive(bytes, "the archive", {"c"},
                         {.member_bytes = 1000, .total_bytes = 1003, .members = 3})
                .at("c"),
            "c");
  expect_failure(bytes, {"b"}, "a has 1000 bytes", {.member_bytes = 999});
  expect_failure(bytes, {"b"}, "c has 1 bytes", {.total_bytes = 1002});
  expect_failure(bytes, {"b"}, "more than 2 files", {.members = 2});
}

}  // namespace
}  // namespace graft::data
