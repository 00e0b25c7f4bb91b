#include "graft/regex/alphabet.h"

#include <algorithm>
#include <bitset>
#include <map>

#include "graft/base/error.h"

namespace graft::regex {
namespace {

constexpr uint32_t kCodePoints = 0x110000;
constexpr size_t kMaxKinds = 256;
constexpr uint8_t kLineFeed = '\n';

using Kinds = std::bitset<kMaxKinds>;

// Where the characters of a set begin or end.
struct Edge {
  uint32_t at;
  uint32_t set;
};

// A stretch of characters of one kind, up to the beginning of the next stretch.
struct Stretch {
  uint32_t first;
  uint8_t kind;
};

std::vector<Edge> edges_of(const std::vector<unicode::CodePointSet>& sets) {
  std::vector<Edge> edges;
  for (uint32_t i = 0; i < sets.size(); ++i) {
    for (const unicode::CodePointRange& range : sets[i].ranges()) {
      edges.push_back({range.first, i});
      edges.push_back({range.last + 1, i});
    }
  }
  auto line_feed = static_cast<uint32_t>(sets.size());
  edges.push_back({kLineFeed, line_feed});
  edges.push_back({kLineFeed + 1, line_feed});
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  return edges;
}

// The sets without duplicates, and the index of each set among them.
struct DistinctSets {
  std::vector<unicode::CodePointSet> sets;
  std::vector<size_t> index;
};

DistinctSets distinct(const std::vector<unicode::CodePointSet>& sets) {
  auto less = [](const unicode::CodePointSet* a, const unicode::CodePointSet* b) {
    return std::lexicographical_compare(a->ranges().begin(), a->ranges().end(), b->ranges().begin(),
                                        b->ranges().end(), [](const auto& x, const auto& y) {
                                          return x.first != y.first ? x.first < y.first
                                                                    : x.last < y.last;
                                        });
  };
  std::map<const unicode::CodePointSet*, size_t, decltype(less)> known(less);
  DistinctSets result;
  for (const unicode::CodePointSet& set : sets) {
    auto [it, is_new] = known.try_emplace(&set, known.size());
    if (is_new) result.sets.push_back(set);
    result.index.push_back(it->second);
  }
  return result;
}

std::string bracket_expression(const Kinds& kinds) {
  if (kinds.none()) return "(?!)";
  std::string result = "[";
  for (size_t i = 0; i < kMaxKinds; ++i) {
    if (!kinds[i]) continue;
    size_t last = i;
    while (last + 1 < kMaxKinds && kinds[last + 1]) ++last;
    result += fmt::format("\\x{:02x}", i);
    if (last > i) result += fmt::format("-\\x{:02x}", last);
    i = last;
  }
  return result + "]";
}

}  // namespace

Alphabet::Alphabet(const std::vector<unicode::CodePointSet>& sets, const std::string& where) {
  DistinctSets different = distinct(sets);
  // Walk over the code points from edge to edge; the sets that contain the current one are its
  // kind.
  std::vector<bool> inside(different.sets.size() + 1);
  std::map<std::vector<bool>, uint8_t> kind_of = {};
  std::vector<Kinds> kinds(different.sets.size());
  std::vector<Stretch> stretches;
  std::vector<Edge> edges = edges_of(different.sets);
  // Numbers skip that of the line feed.
  auto new_kind = [&]() {
    if (inside.back()) return kLineFeed;
    bool has_line_feed = std::any_of(kind_of.begin(), kind_of.end(),
                                     [](const auto& entry) { return entry.first.back(); });
    size_t number = kind_of.size() - has_line_feed;
    if (number >= kMaxKinds - 1) {
      fail(
          "{}: the regular expression tells more than {} kinds of characters apart, which is not "
          "supported",
          where, kMaxKinds - 1);
    }
    return static_cast<uint8_t>(number < kLineFeed ? number : number + 1);
  };
  size_t next = 0;
  for (uint32_t at = 0; at < kCodePoints;) {
    for (; next < edges.size() && edges[next].at == at; ++next) inside[edges[next].set].flip();
    auto known = kind_of.find(inside);
    if (known == kind_of.end()) {
      uint8_t kind = new_kind();
      known = kind_of.emplace(inside, kind).first;
      for (size_t i = 0; i < kinds.size(); ++i) kinds[i][kind] = inside[i];
    }
    stretches.push_back({at, known->second});
    at = next < edges.size() ? edges[next].at : kCodePoints;
  }
  for (size_t i : different.index) kinds_.push_back(bracket_expression(kinds[i]));

  std::map<std::array<uint8_t, kBlock>, uint16_t> block_index;
  size_t stretch = 0;
  for (uint32_t first = 0; first < kCodePoints; first += kBlock) {
    std::array<uint8_t, kBlock> block;
    for (uint32_t i = 0; i < kBlock; ++i) {
      while (stretch + 1 < stretches.size() && stretches[stretch + 1].first <= first + i) ++stretch;
      block[i] = stretches[stretch].kind;
    }
    if (!blocks_.empty() && blocks_[block_of_.back()] == block) {
      block_of_.push_back(block_of_.back());
      continue;
    }
    auto [it, is_new] = block_index.try_emplace(block, static_cast<uint16_t>(blocks_.size()));
    if (is_new) blocks_.push_back(block);
    block_of_.push_back(it->second);
  }
}

void Alphabet::translate(std::string_view text, std::string& kinds) const {
  kinds.resize(text.size());
  const std::array<uint8_t, kBlock>& ascii = blocks_[block_of_[0]];
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte < kBlock) {
      kinds[count] = static_cast<char>(ascii[byte]);
      ++i;
      continue;
    }
    unicode::CodePoint c = unicode::decode(text.data() + i);
    kinds[count] = static_cast<char>(kind(c.value));
    i += c.size;
  }
  kinds.resize(count);
}

}  // namespace graft::regex
