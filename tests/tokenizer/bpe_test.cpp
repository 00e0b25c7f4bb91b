#include "graft/tokenizer/bpe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "graft/tokenizer/byte_level.h"

namespace graft::tokenizer {
namespace {

// Merges as they are defined: of all pairs the one of the lowest rank, the leftmost of equals.
std::vector<int32_t> merge_plainly(const BpeModel& model, std::string_view word) {
  std::vector<int32_t> tokens;
  for (char c : word) {
    int32_t id = model.vocabulary.find_bytes(std::string_view(&c, 1));
    if (id >= 0) tokens.push_back(id);
  }
  for (;;) {
    size_t best = tokens.size();
    const Merge* best_merge = nullptr;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const Merge* merge = model.merges.get(tokens[i], tokens[i + 1]);
      if (merge != nullptr && (best_merge == nullptr || merge->rank < best_merge->rank)) {
        best = i;
        best_merge = merge;
      }
    }
    if (best_merge == nullptr) return tokens;
    tokens[best] = best_merge->result;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

// A model over a few letters with random merges of random tokens.
BpeModel random_model(std::mt19937& random, size_t merges, std::string_view letters) {
  BpeModel model;
  std::vector<std::string> tokens;
  auto add = [&](std::string token) {
    if (!model.vocabulary.add(token, static_cast<int32_t>(tokens.size()))) return false;
    tokens.push_back(std::move(token));
    return true;
  };
  for (char c : letters) add(std::string(1, c));
  for (uint32_t rank = 0; rank < merges; ++rank) {
    size_t a = random() % tokens.size(), b = random() % tokens.size();
    if (tokens[a].size() + tokens[b].size() > 12) continue;
    std::string joined = tokens[a] + tokens[b];
    add(joined);
    int32_t result = model.vocabulary.find_bytes(joined);
    model.merges.set(static_cast<int32_t>(a), static_cast<int32_t>(b), {rank, result});
  }
  return model;
}

TEST(Bpe, MergesInOrderOfRankShortAndLongWordsAlike) {
  std::mt19937 random(1);
  for (int round = 0; round < 30; ++round) {
    Bpe bpe(random_model(random, 150, "abc"));
    Bpe::Workspace workspace;
    for (size_t length = 0; length < 140; ++length) {
      std::string word;
      for (size_t i = 0; i < length; ++i) word += "abc"[random() % (round % 3 + 1)];
      std::vector<int32_t> expected = merge_plainly(bpe.model(), word);
      for (int again = 0; again < 3; ++again) {  // the second time from the cache
        std::vector<int32_t> ids;
        bpe.encode(word, workspace, ids);
        ASSERT_EQ(ids, expected) << word;
      }
    }
  }
}

TEST(Bpe, ALongWordTakesNoQuadraticTime) {
  BpeModel model;
  model.vocabulary.add("a", 0);
  model.vocabulary.add("aa", 1);
  model.vocabulary.add("aaaa", 2);
  model.merges.set(0, 0, {0, 1});
  model.merges.set(1, 1, {1, 2});
  Bpe bpe(std::move(model));
  Bpe::Workspace workspace;
  std::vector<int32_t> ids;
  bpe.encode(std::string(1000003, 'a'), workspace, ids);
  EXPECT_EQ(ids.size(), 250002u);
  EXPECT_EQ(ids[0], 2);
  EXPECT_EQ(ids[250000], 1);
  EXPECT_EQ(ids[250001], 0);
}

TEST(Bpe, BytesWithoutATokenAreDroppedOrUnknown) {
  auto encode = [](std::optional<int32_t> unknown, bool fuse) {
    BpeModel model;
    model.vocabulary.add("a", 0);
    model.vocabulary.add("aa", 1);
    model.vocabulary.add("?", 2);
    model.merges.set(0, 0, {0, 1});
    model.unknown_id = unknown;
    model.fuse_unknown = fuse;
    Bpe bpe(std::move(model));
    Bpe::Workspace workspace;
    std::vector<int32_t> ids;
    bpe.encode("axya", workspace, ids);
    return ids;
  };
  EXPECT_EQ(encode(std::nullopt, false),
            (std::vector<int32_t>{1}));  // the letters become neighbours
  EXPECT_EQ(encode(2, false), (std::vector<int32_t>{0, 2, 2, 0}));
  EXPECT_EQ(encode(2, true), (std::vector<int32_t>{0, 2, 0}));
}

TEST(Bpe, CharactersFallBackToBytesOrAreUnknown) {
  auto encode = [](std::string_view word, bool fallback, std::optional<int32_t> unknown,
                   bool fuse) {
    BpeModel model;
    model.vocabulary = Vocabulary(Spelling::literal);
    int32_t id = 0;
    for (const char* token : {"?", "\u00E9", "a", "<0xC3>", "<0xA8>", "\u00E9a", "\u0120"}) {
      model.vocabulary.add(token, id++);
    }
    model.merges.set(1, 2, {0, 5});
    model.byte_fallback = fallback;
    model.unknown_id = unknown;
    model.fuse_unknown = fuse;
    Bpe bpe(std::move(model));
    Bpe::Workspace workspace;
    std::vector<int32_t> ids;
    bpe.encode(word, workspace, ids);
    return ids;
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(encode("\u00E9a\u00E8", true, 0, true), (Ids{5, 3, 4}));
  EXPECT_EQ(encode("\u00E9a\u00E8", false, 0, true), (Ids{5, 0}));
  EXPECT_EQ(encode("a\u0120", true, 0, true), (Ids{2, 6}));  // no byte's spelling here
  EXPECT_EQ(encode("xya", true, 0, true), (Ids{0, 2}));
  EXPECT_EQ(encode("xya", true, 0, false), (Ids{0, 0, 2}));
  EXPECT_EQ(encode("xya", true, std::nullopt, false), (Ids{2}));
  // As in the reference: bytes overtake an unknown character that waits.
  EXPECT_EQ(encode("x\u00E8a", true, 0, true), (Ids{3, 4, 0, 2}));
  EXPECT_EQ(encode("x\u00E8y", true, 0, true), (Ids{3, 4, 0}));
}

TEST(Bpe, IsCutAtMetaspacesOnlyWhereNoMergeJoinsThem) {
  for (bool joins : {false, true}) {
    BpeModel model;
    model.vocabulary = Vocabulary(Spelling::literal);
    int32_t id = 0;
    for (const char* token : {"a", "\u2581", "a\u2581", "\u2581a", "\u2581\u2581"}) {
      model.vocabulary.add(token, id++);
    }
    model.merges.set(1, 0, {1, 3});
    model.merges.set(1, 1, {2, 4});
    if (joins) model.merges.set(0, 1, {0, 2});
    Bpe bpe(std::move(model));
    Bpe::Workspace workspace;
    std::vector<int32_t> ids;
    bpe.encode("a\u2581a\u2581\u2581a\u2581", workspace, ids);
    EXPECT_EQ(ids,
              joins ? (std::vector<int32_t>{2, 2, 1, 2}) : (std::vector<int32_t>{0, 3, 1, 3, 1}));
  }
}

TEST(Bpe, AWordOutsideTheMergesIsATokenOnlyIfMergesAreIgnored) {
  for (bool ignore : {false, true}) {
    BpeModel model;
    model.vocabulary.add("a", 0);
    model.vocabulary.add("b", 1);
    model.vocabulary.add("ab", 2);
    model.ignore_merges = ignore;
    Bpe bpe(std::move(model));
    Bpe::Workspace workspace;
    for (int again = 0; again < 3; ++again) {
      std::vector<int32_t> ids;
      bpe.encode("ab", workspace, ids);
      EXPECT_EQ(ids, ignore ? (std::vector<int32_t>{2}) : (std::vector<int32_t>{0, 1}));
    }
  }
}

TEST(Vocabulary, KeepsSpellingsAndBytesApart) {
  Vocabulary vocabulary;
  EXPECT_TRUE(vocabulary.add("\u0120the", 7));
  EXPECT_TRUE(vocabulary.add(" the", 3));  // a space is outside the byte alphabet
  EXPECT_FALSE(vocabulary.add("\u0120the", 8));
  EXPECT_FALSE(vocabulary.add(" the", 8));
  EXPECT_FALSE(vocabulary.add("new", 7));
  EXPECT_EQ(vocabulary.find_spelling("\u0120the"), 7);
  EXPECT_EQ(vocabulary.find_spelling(" the"), 3);
  EXPECT_EQ(vocabulary.find_bytes(" the"), 7);
  EXPECT_EQ(vocabulary.bytes(7), " the");
  EXPECT_EQ(vocabulary.bytes(3), " the");
  EXPECT_EQ(vocabulary.bytes(4), "");
  EXPECT_EQ(vocabulary.bytes(-1), "");
  EXPECT_EQ(vocabulary.count(), 2u);
  EXPECT_EQ(vocabulary.id_limit(), 8u);
}

TEST(Vocabulary, GrowsAsNeeded) {
  Vocabulary vocabulary;
  for (int32_t i = 0; i < 5000; ++i) ASSERT_TRUE(vocabulary.add(fmt::format("t{}", i), i));
  for (int32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(vocabulary.find_spelling(fmt::format("t{}", i)), i);
  }
}

TEST(MergeTable, GrowsAsNeededAndReplaces) {
  MergeTable merges;
  for (int32_t i = 0; i < 5000; ++i) merges.set(i, i * 7, {static_cast<uint32_t>(i), i + 1});
  merges.set(3, 21, {9999, 5});
  for (int32_t i = 0; i < 5000; ++i) {
    const Merge* merge = merges.get(i, i * 7);
    ASSERT_NE(merge, nullptr);
    EXPECT_EQ(merge->rank, i == 3 ? 9999u : static_cast<uint32_t>(i));
  }
  EXPECT_EQ(merges.get(1, 8), nullptr);
}

TEST(ByteLevel, EveryByteHasItsCharacter) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(bytes_of_spelling(spelling_of_bytes(all)), all);
  EXPECT_EQ(spelling_of_bytes(" \n\xAD"), "\u0120\u010A\u0143");
  EXPECT_EQ(bytes_of_spelling("a b"), std::nullopt);
  EXPECT_EQ(bytes_of_spelling("\u0144"), std::nullopt);
}

}  // namespace
}  // namespace graft::tokenizer
