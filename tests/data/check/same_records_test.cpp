#include "graft/data/check/same_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graft/data/check/shingles.h"

namespace graft::data::check {
namespace {

using Pairs = std::vector<std::pair<uint32_t, uint32_t>>;

Pairs pairs_of(const std::vector<Match>& matches) {
  Pairs pairs;
  for (const Match& match : matches) pairs.emplace_back(match.record, match.earlier);
  return pairs;
}

class SameRecords : public ::testing::Test {
 protected:
  void add(const RecordContent& content, uint32_t split = 0) {
    const RecordView view = view_of(content);
    const std::vector<uint32_t> shingles = shingles_of(view);
    comparison_.add({digest_of(view), split}, shingles,
                    shingles.empty() ? Bands{} : bands_of(shingles));
  }
  void add_text(const std::string& text, uint32_t split = 0) { add(TextRecord{text}, split); }
  void add_pair(const std::string& a, const std::string& b, uint32_t split = 0) {
    add(PairRecord{a, b}, split);
  }
  void add_chat(std::initializer_list<std::pair<const char*, const char*>> messages) {
    ordered_json list = ordered_json::array();
    for (const auto& [role, content] : messages) {
      list.push_back({{"role", role}, {"content", content}});
    }
    add(ChatRecord{.variables = {{"messages", list}}});
  }

  RecordComparison comparison_;
};

TEST_F(SameRecords, EqualButForWhiteSpace) {
  add_text("the same text");
  add_text("another one");
  add_text("  the same\n\ttext\u00A0");
  add_text("the sametext");
  add_text("The same text");
  const Matches matches = comparison_.finish();
  EXPECT_EQ(pairs_of(matches.equal), (Pairs{{2, 0}}));
  EXPECT_EQ(pairs_of(matches.near), (Pairs{{4, 0}}));  // but for its case
}

TEST_F(SameRecords, TextsThatAreDividedOtherwiseAreOthers) {
  add_pair("a b", "c");
  add_pair("a", "b c");
  add_text("a b c");
  add_chat({{"user", "a b"}, {"assistant", "c"}});
  add_chat({{"assistant", "a b"}, {"user", "c"}});
  EXPECT_EQ(pairs_of(comparison_.finish().equal), Pairs{});
}

TEST_F(SameRecords, BetweenSplits) {
  add_text("one text of all", 0);
  add_text("one text of all", 1);
  add_text("one text of all", 1);
  add_text("one text of all", 2);
  const Matches matches = comparison_.finish();
  EXPECT_EQ(pairs_of(matches.equal), (Pairs{{2, 1}}));
  EXPECT_EQ(pairs_of(matches.equal_between), (Pairs{{1, 0}, {3, 0}}));
  EXPECT_EQ(pairs_of(matches.near), Pairs{});
  EXPECT_EQ(pairs_of(matches.near_between), Pairs{});
}

TEST_F(SameRecords, EmptyOnesAreNotCompared) {
  add_text("");
  add_text(" ");
  add_pair("", "");
  const Matches matches = comparison_.finish();
  EXPECT_EQ(pairs_of(matches.equal), Pairs{});
  EXPECT_EQ(pairs_of(matches.near), Pairs{});
}

TEST_F(SameRecords, AnotherAnswerContradicts) {
  add_pair("what is it", "a cat");
  add_pair("what is  it", "a dog");
  add_pair("what is it", " a cat ");
  add_pair("what is it", "a cow");
  add_pair("what else", "a cow");
  EXPECT_EQ(pairs_of(comparison_.finish().contradictions), (Pairs{{1, 0}, {3, 0}}));
}

TEST_F(SameRecords, WithoutAPromptNothingContradicts) {
  add_pair("", "a cat");
  add_pair("", "a dog");
  add_text("a cat");
  add_text("a dog");
  EXPECT_EQ(pairs_of(comparison_.finish().contradictions), Pairs{});
}

TEST_F(SameRecords, ChatsContradictInTheirLastAnswer) {
  add_chat({{"system", "s"}, {"user", "q"}, {"assistant", "a"}, {"user", "r"}, {"assistant", "b"}});
  add_chat({{"system", "s"}, {"user", "q"}, {"assistant", "a"}, {"user", "r"}, {"assistant", "c"}});
  add_chat({{"system", "t"}, {"user", "q"}, {"assistant", "a"}, {"user", "r"}, {"assistant", "c"}});
  EXPECT_EQ(pairs_of(comparison_.finish().contradictions), (Pairs{{1, 0}}));
}

TEST_F(SameRecords, PreferencesContradictTheOtherWayRound) {
  add(PreferenceRecord{PairRecord{"q", "a"}, PairRecord{"q", "b"}});
  add(PreferenceRecord{PairRecord{"q", "b"}, PairRecord{"q", "a"}});
  add(PreferenceRecord{PairRecord{"q", "a"}, PairRecord{"q", "c"}});
  const Matches matches = comparison_.finish();
  EXPECT_EQ(pairs_of(matches.contradictions), (Pairs{{1, 0}}));
  EXPECT_EQ(pairs_of(matches.equal), Pairs{});
}

TEST_F(SameRecords, VerdictsContradict) {
  add(LabelledRecord{PairRecord{"q", "a"}, true});
  add(LabelledRecord{PairRecord{"q", "b"}, false});
  add(LabelledRecord{PairRecord{"q", "a"}, false});
  const Matches matches = comparison_.finish();
  EXPECT_EQ(pairs_of(matches.contradictions), (Pairs{{2, 0}}));
  EXPECT_EQ(pairs_of(matches.equal), Pairs{});
}

TEST_F(SameRecords, WhatTheSystemSaysIsNotWhatIsNear) {
  std::string words;
  for (int i = 0; i < 100; ++i) words += "rule" + std::to_string(i) + " ";
  const char* long_system = words.c_str();
  add_chat({{"system", long_system}, {"user", "how old is the sun"}, {"assistant", "very old"}});
  add_chat({{"system", long_system}, {"user", "who wrote the iliad"}, {"assistant", "homer"}});
  EXPECT_EQ(pairs_of(comparison_.finish().near), Pairs{});
}

TEST(Shingles, AreThreeWordsInARow) {
  const auto count = [](const std::string& text) {
    return shingles_of(view_of(TextRecord{text})).size();
  };
  EXPECT_EQ(count(""), 0u);
  EXPECT_EQ(count("?!"), 0u);
  EXPECT_EQ(count("one"), 1u);
  EXPECT_EQ(count("one two three four"), 2u);
  EXPECT_EQ(count("One, two; THREE four!"), 2u);
  EXPECT_EQ(count("a b c a b c a b c"), 3u);
  EXPECT_EQ(count("\u6771\u4EAC\u306F\u9996\u90FD"), 3u);  // five signs
}

TEST(Shingles, IgnoreCaseAndPunctuation) {
  EXPECT_EQ(shingles_of(view_of(TextRecord{"The Cat: sat, \u00C4ra!"})),
            shingles_of(view_of(TextRecord{"the cat sat \u00E4ra"})));
}

TEST(Jaccard, OfSmallSets) {
  const std::vector<uint32_t> a = {1, 2, 3, 4}, b = {3, 4, 5}, none = {};
  EXPECT_DOUBLE_EQ(jaccard(a, b), 2.0 / 5);
  EXPECT_DOUBLE_EQ(jaccard(a, a), 1);
  EXPECT_DOUBLE_EQ(jaccard(a, none), 0);
  EXPECT_DOUBLE_EQ(jaccard(none, none), 0);
}

// By words themselves, with no hash.
using WordSet = std::set<std::vector<std::string>>;

double exact_jaccard(const WordSet& a, const WordSet& b) {
  size_t common = 0;
  for (const auto& shingle : a) common += b.count(shingle);
  return static_cast<double>(common) / static_cast<double>(a.size() + b.size() - common);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

WordSet word_set(const std::vector<std::string>& words) {
  WordSet set;
  for (size_t i = 0; i + 3 <= words.size(); ++i) {
    set.insert({words[i], words[i + 1], words[i + 2]});
  }
  return set;
}

TEST_F(SameRecords, NearOnesAreThoseOfAnExactComparison) {
  std::mt19937 random(7);
  const auto up_to = [&](size_t most) { return static_cast<size_t>(random() % (most + 1)); };
  std::vector<std::vector<std::string>> records;
  for (int family = 0; family < 60; ++family) {
    std::vector<std::string> words;
    for (size_t i = 0; i < 40 + up_to(60); ++i) words.push_back("w" + std::to_string(up_to(3000)));
    records.push_back(words);
    for (int copy = 0; copy < 4; ++copy) {  // with ever more words changed
      for (size_t i = 0; i <= up_to(1); ++i) {
        words[up_to(words.size() - 1)] = "x" + std::to_string(up_to(3000));
      }
      records.push_back(words);
    }
  }
  std::shuffle(records.begin(), records.end(), random);
  std::vector<WordSet> sets;
  for (const auto& words : records) {
    add_text(joined(words));
    sets.push_back(word_set(words));
  }
  std::set<uint32_t> expected, close;  // records with an earlier one at 0.8 or more; at the edge
  for (uint32_t i = 0; i < sets.size(); ++i) {
    for (uint32_t k = 0; k < i; ++k) {
      const double index = exact_jaccard(sets[i], sets[k]);
      if (index >= 0.8 && index < 1) expected.insert(i);
    }
  }
  std::set<uint32_t> found;
  for (const Match& match : comparison_.finish().near) {
    found.insert(match.record);
    const double index = exact_jaccard(sets[match.record], sets[match.earlier]);
    EXPECT_NEAR(match.jaccard, index, 1e-6);
    EXPECT_GE(index, 0.8);
  }
  EXPECT_GT(expected.size(), 50u);
  EXPECT_LT(expected.size(), 200u);
  EXPECT_EQ(found, expected);  // at 0.8 one of 2,500 may be missed; with this seed none is
}

TEST(MinHash, EqualSetsShareAllBandsAndOthersNone) {
  const std::vector<uint32_t> a = {1, 20, 300, 4000}, b = {5, 60, 700, 8000};
  EXPECT_EQ(bands_of(a), bands_of(a));
  const Bands x = bands_of(a), y = bands_of(b);
  for (size_t i = 0; i < kBands; ++i) EXPECT_NE(x[i], y[i]);
}

// The share of equal bands is s^kRows.
TEST(MinHash, BandsAreSharedAsTheSetsAre) {
  std::mt19937 random(3);
  size_t shared = 0;
  constexpr size_t kTrials = 300, kSize = 100, kCommon = 80;
  for (size_t trial = 0; trial < kTrials; ++trial) {
    std::vector<uint32_t> a, b;
    for (size_t i = 0; i < kSize; ++i) {
      const auto x = static_cast<uint32_t>(random());
      a.push_back(x);
      b.push_back(i < kCommon ? x : static_cast<uint32_t>(random()));
    }
    const Bands x = bands_of(a), y = bands_of(b);
    for (size_t i = 0; i < kBands; ++i) shared += x[i] == y[i] ? 1 : 0;
  }
  const double s = double{kCommon} / (2 * kSize - kCommon);
  const double expected = s * s * s * s * s;
  EXPECT_NEAR(static_cast<double>(shared) / (kTrials * kBands), expected, 0.02);
}

}  // namespace
}  // namespace graft::data::check
