#include "graft/tokenizer/charsmap.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/tokenizer/base64.h"
#include "graft/unicode/unicode.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

constexpr uint32_t kValue = 0x80000000, kHasValue = 0x100;

std::string charsmap_of(const std::vector<uint32_t>& trie, const std::string& replacements) {
  std::string bytes;
  auto append = [&](uint32_t word) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(word >> (8 * i));
  };
  append(static_cast<uint32_t>(trie.size() * sizeof(uint32_t)));
  for (uint32_t unit : trie) append(unit);
  return bytes + replacements;
}

// A trie in which every node with children has a block of 256 places for them.
class Builder {
 public:
  Builder() : trie_(512) { trie_[0] = 256 << 10; }

  Builder& map(const std::string& key, const std::string& replacement) {
    uint32_t place = 0, block = 256;
    for (char c : key) {
      auto byte = static_cast<unsigned char>(c);
      place = block ^ byte;
      if (trie_[place] == 0) {
        auto added = static_cast<uint32_t>(trie_.size());
        trie_.resize(trie_.size() + 256);
        trie_[place] = (place ^ added) << 10 | byte;
      }
      block = place ^ trie_[place] >> 10;
    }
    trie_[place] |= kHasValue;
    trie_[block] = kValue | static_cast<uint32_t>(replacements_.size());
    replacements_ += replacement + '\0';
    return *this;
  }

  Charsmap build() const { return {charsmap_of(trie_, replacements_), "f"}; }

 private:
  std::vector<uint32_t> trie_;
  std::string replacements_;
};

std::string normalized(const Charsmap& map, std::string_view text) {
  std::string out = "<";  // the result is appended
  map.apply(text, out);
  return out.substr(1);
}

std::string bytes_of(const nlohmann::json& base64) {
  return base64_decode(base64.get<std::string>()).value();
}

// All expected texts here were put to the reference, with maps that are the same.
TEST(Charsmap, ReplacesWhatIsMapped) {
  Charsmap map = Builder()
                     .map("a", "xy")
                     .map("\u00e9", "e")
                     .map("\u00ad", "")
                     .map("\u65e5", "\u306b\u3061")
                     .map(std::string(1, '\0'), "never")
                     .build();
  EXPECT_EQ(normalized(map, ""), "");
  EXPECT_EQ(normalized(map, "banana"), "bxynxynxy");
  EXPECT_EQ(normalized(map, "\u00e9t\u00e9 \u65e5"), "ete \u306b\u3061");
  EXPECT_EQ(normalized(map, "c\u00adc\u00ad"), "cc");
  EXPECT_EQ(normalized(map, std::string_view("a\0b", 3)), std::string_view("xy\0b", 4));
}

TEST(Charsmap, AShortClusterIsReplacedByItsShortestMappedPrefix) {
  Charsmap map = Builder().map("e", "E").map("e\u0301", "long").map("o\u0301", "O").build();
  EXPECT_EQ(normalized(map, "e\u0301"), "E");        // the accent goes
  EXPECT_EQ(normalized(map, "e\u0301\u0302"), "E");  // 5 bytes
  EXPECT_EQ(normalized(map, "e\u0301\u0302\u0302"), "E\u0301\u0302\u0302");
  EXPECT_EQ(normalized(map, "o\u0301\u0302"), "O");
  EXPECT_EQ(normalized(map, "o\u0301\u0302\u0302"), "o\u0301\u0302\u0302");
  EXPECT_EQ(normalized(map, "u\u0301e"), "u\u0301E");
}

TEST(Charsmap, LineEndsAreOneCluster) {
  Charsmap map = Builder().map("\r\n", "N").map("\n", "n").build();
  EXPECT_EQ(normalized(map, "a\r\nb\nc\rd\n\r\n"), "aNbnc\rdnN");
  EXPECT_EQ(normalized(map, "\n\u0301"), "n\u0301");
}

TEST(Charsmap, LeavesTextsAsTheReferenceDoes) {
  nlohmann::json fixture = testing::tokenizer_fixture_json("precompiled.json");
  Charsmap map(bytes_of(fixture["charsmap"]), "f");
  for (const auto& pair : fixture["texts"]) {
    std::string text = pair[0];
    EXPECT_EQ(normalized(map, text), pair[1].get<std::string>()) << text;
  }
}

// Whether every code point begins a cluster, ends one, and what it does between others.
TEST(Charsmap, CutsClustersWhereTheReferenceDoes) {
  nlohmann::json fixture = testing::tokenizer_fixture_json("precompiled.json");
  Charsmap map(bytes_of(fixture["first_byte_map"]), "f");
  std::string text, out;
  for (const auto& context : fixture["contexts"]) {
    std::string before = context[0], after = context[1];
    uint64_t hash = 0xCBF29CE484222325;  // FNV-1a of the sizes
    for (uint32_t c = 1; c < 0xE1000; ++c) {
      if (c == 0xD800) c = 0xE000;
      if (c == 0x20000) c = 0xE0000;
      text = before;
      unicode::append_utf8(text, c);
      text += after;
      out.clear();
      map.apply(text, out);
      hash = (hash ^ out.size()) * 0x100000001B3;
    }
    EXPECT_EQ(hash, context[2].get<uint64_t>()) << before << "_" << after;
  }
}

TEST(Charsmap, TimeIsLinearInALongCluster) {
  Charsmap map = Builder().map("\u0301", "x").build();
  std::string text;
  for (int i = 0; i < 1 << 19; ++i) text += "\u0301";
  EXPECT_EQ(normalized(map, text), std::string(1 << 19, 'x'));
}

TEST(Charsmap, BrokenMapsAreRefused) {
  auto refused = [](const std::string& charsmap, std::string_view part) {
    testing::expect_error([&] { Charsmap(charsmap, "f"); }, part);
  };
  std::vector<uint32_t> trie(512);
  trie[0] = 256 << 10;
  auto with = [&](size_t place, uint32_t unit) {
    std::vector<uint32_t> changed = trie;
    changed[place] = unit;
    return changed;
  };
  std::string good = charsmap_of(trie, "x");
  EXPECT_EQ(normalized(Charsmap(good, "f"), "aé"), "aé");

  refused("", "f: has 0 bytes and no trie");
  refused("abc", "f: has 3 bytes and no trie");
  refused(charsmap_of({}, "x"), "f: expected a trie of at most 1 bytes");
  refused(charsmap_of(std::vector<uint32_t>(255), "x"), "in blocks of 1024, found 1020");
  refused(good.substr(0, good.size() - 2), "f: expected a trie of at most 2047 bytes");
  refused("\xff\xff\xff\xff" + good.substr(4), "found 4294967295");

  refused(charsmap_of(with(0, 512 << 10), "x"), "f: unit 0 of the trie leads out of it, to 512");
  refused(charsmap_of(with(0, kValue | 512 << 10), "x"), "f: unit 0 of the trie leads out of it");
  refused(charsmap_of(with(7, 2 << 10 | 0x200), "x"),
          "f: unit 7 of the trie leads out of it, to 519");
  refused(charsmap_of(with(7, 0x7FFFFC00), "x"), "f: unit 7 of the trie leads out of it");

  refused(charsmap_of(trie, "x\xc3"), "f: the replacements are not valid UTF-8");
  std::vector<uint32_t> value = with(256 + 'a', ('a' << 10) | kHasValue | 'a');
  value[256] = kValue | 2;
  EXPECT_EQ(normalized(Charsmap(charsmap_of(value, "xyz"), "f"), "ab"), "zb");
  EXPECT_EQ(normalized(Charsmap(charsmap_of(value, "xy"), "f"), "ab"), "b");
  refused(charsmap_of(value, "x"), "f: unit 353 of the trie is mapped to 2, where no replacement");
  refused(charsmap_of(value, "xé"), "f: unit 353 of the trie is mapped to 2");
  value[256] = 0xFFFFFFFF;
  refused(charsmap_of(value, "x"), "is mapped to 2147483647");
}

}  // namespace
}  // namespace graft::tokenizer
