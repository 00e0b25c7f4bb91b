#include "graft/tokenizer/bpe_merges.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::tokenizer {
namespace {

using Tokens = std::vector<std::string_view>;

// As many as the reader of tokenizer.json accepts.
constexpr size_t kMostSplits = size_t{1} << 23;
// The limit for all splits together, written out: real vocabularies need some ten million. Tokens
// of one repeated letter, each longer by one than the one before, need the cube of their number.
constexpr size_t kMostMergeBytes = size_t{1} << 27;
constexpr int32_t kNone = -1;

bool reversed_less(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(
      a.rbegin(), a.rend(), b.rbegin(), b.rend(),
      [](char x, char y) { return static_cast<unsigned char>(x) < static_cast<unsigned char>(y); });
}

// For each token, the longest other token that is its prefix (or its suffix, if the tokens were
// sorted from their ends and `begins` compares ends). In sorted order, all prefixes of a token come
// before it, each a prefix of the next; the stack holds them.
template <class Begins>
std::vector<int32_t> longest_within(const Tokens& tokens, const std::vector<int32_t>& sorted,
                                    Begins&& begins) {
  std::vector<int32_t> longest(tokens.size(), kNone), stack;
  for (int32_t id : sorted) {
    std::string_view token = tokens[static_cast<size_t>(id)];
    while (!stack.empty() && !begins(token, tokens[static_cast<size_t>(stack.back())])) {
      stack.pop_back();
    }
    if (!stack.empty()) longest[static_cast<size_t>(id)] = stack.back();
    stack.push_back(id);
  }
  return longest;
}

class SplitFinder {
 public:
  SplitFinder(const Tokens& tokens, const std::string& name) : tokens_(tokens), name_(name) {}

  std::vector<TokenSplit> find() {
    std::vector<int32_t> sorted(tokens_.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    std::erase_if(sorted, [&](int32_t id) { return token(id).empty(); });
    std::sort(sorted.begin(), sorted.end(), [&](int32_t a, int32_t b) {
      return std::pair(token(a), a) < std::pair(token(b), b);
    });
    check_distinct(sorted);
    prefix_ = longest_within(tokens_, sorted, [](std::string_view token, std::string_view other) {
      return token.starts_with(other);
    });
    std::sort(sorted.begin(), sorted.end(),
              [&](int32_t a, int32_t b) { return reversed_less(token(a), token(b)); });
    suffix_ = longest_within(tokens_, sorted, [](std::string_view token, std::string_view other) {
      return token.ends_with(other);
    });
    for (size_t id = 0; id < tokens_.size(); ++id) add_splits(static_cast<int32_t>(id));
    return std::move(splits_);
  }

 private:
  std::string_view token(int32_t id) const { return tokens_[static_cast<size_t>(id)]; }

  void check_distinct(const std::vector<int32_t>& sorted) const {
    for (size_t i = 1; i < sorted.size(); ++i) {
      if (token(sorted[i - 1]) == token(sorted[i])) {
        fail("{}: tokens {} and {} are both {}", name_, sorted[i - 1], sorted[i],
             io::in_quotes(token(sorted[i])));
      }
    }
  }

  // Both chains go from long to short: where a prefix and a suffix fill the token, it can be split.
  void add_splits(int32_t result) {
    prefixes_.clear();
    for (int32_t id = next(prefix_, result); id != kNone; id = next(prefix_, id)) {
      prefixes_.push_back(id);
    }
    int32_t right = next(suffix_, result);
    for (auto left = prefixes_.rbegin(); left != prefixes_.rend(); ++left) {
      size_t wanted = token(result).size() - token(*left).size();
      while (right != kNone && token(right).size() > wanted) right = next(suffix_, right);
      if (right == kNone) return;
      if (token(right).size() != wanted) continue;
      bytes_ += token(result).size();
      if (splits_.size() == kMostSplits) fail("{}: more than {} merges", name_, kMostSplits);
      if (bytes_ > kMostMergeBytes)
        fail("{}: merges of more than {} bytes", name_, kMostMergeBytes);
      splits_.push_back({*left, right, result});
    }
  }

  static int32_t next(const std::vector<int32_t>& longest, int32_t id) {
    return longest[static_cast<size_t>(id)];
  }

  const Tokens& tokens_;
  const std::string& name_;
  std::vector<int32_t> prefix_, suffix_;  // the longest other token at the beginning, at the end
  std::vector<int32_t> prefixes_;         // of one token, from long to short
  std::vector<TokenSplit> splits_;
  size_t bytes_ = 0;
};

}  // namespace

std::vector<TokenSplit> find_token_splits(const std::vector<std::string_view>& tokens,
                                          const std::string& name) {
  return SplitFinder(tokens, name).find();
}

nlohmann::ordered_json merges_json(const std::vector<TokenSplit>& splits,
                                   const std::vector<std::string_view>& spellings) {
  nlohmann::ordered_json::array_t merges;
  merges.reserve(splits.size());
  for (const TokenSplit& split : splits) {
    // A pair, not one string: a token may hold a space.
    merges.push_back(nlohmann::ordered_json::array(
        {spellings[static_cast<size_t>(split.left)], spellings[static_cast<size_t>(split.right)]}));
  }
  return merges;
}

}  // namespace graft::tokenizer
