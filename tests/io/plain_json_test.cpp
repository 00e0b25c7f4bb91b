#include "graft/io/plain_json.h"

#include <gtest/gtest.h>

#include <random>

namespace graft::io {
namespace {

const std::vector<std::string> kTexts = {
    R"({"text": "a\n\"b\" \u00e9 \ud83d\ude00 \\", "n": [1, -2, 3.5, 1e3, true, false, null]})",
    R"([{}, [], "", {"a": {"b": {"c": [[[1]]]}}}])", R"({"a": 1, "b": 2, "a": 3})",
    R"({"role": "user", "content": "x y z", "number": 12345678901234567890, "small": -9223372036854775808})"};

TEST(PlainJson, IsWhatTheLibraryReads) {
  for (const std::string& text : kTexts) {
    const ordered_json read = ordered_json::parse(text);
    EXPECT_EQ(parse_plain_json(text, 100).value_or(read).dump(), read.dump()) << text;
  }
  EXPECT_TRUE(parse_plain_json(kTexts[0], 100));
  EXPECT_FALSE(parse_plain_json(kTexts[1], 3));  // nested too deeply
}

// Whatever it takes, the library takes, and reads the same.
TEST(PlainJson, LeavesWhatIsUnusual) {
  std::mt19937 random(5);
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = kTexts[random() % kTexts.size()];
    for (unsigned changes = random() % 3 + 1; changes > 0; --changes) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(" \"\\{}[],:0123456789-+.eEunf\t\n\x01\x7f"[random() % 30]);
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, text[random() % text.size()]);
      }
    }
    const auto plain = parse_plain_json(text, 100);
    if (!plain) continue;
    ++taken;
    const ordered_json other = ordered_json::parse(text, nullptr, false);
    ASSERT_FALSE(other.is_discarded()) << text;
    ASSERT_EQ(plain->dump(-1, ' ', false, ordered_json::error_handler_t::replace),
              other.dump(-1, ' ', false, ordered_json::error_handler_t::replace))
        << text;
  }
  EXPECT_GT(taken, 1000);
}

}  // namespace
}  // namespace graft::io
