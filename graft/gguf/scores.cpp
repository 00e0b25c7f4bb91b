#include "graft/gguf/scores.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <unordered_set>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/bpe_merges.h"

namespace graft::gguf {
namespace {

constexpr std::string_view kEscapedSpace = "\u2581";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The size of the first character of a text that is not empty.
size_t first_size(std::string_view text) {
  size_t size = 1;
  while (size < text.size() && continues(text[size])) ++size;
  return size;
}

class Scorer {
 public:
  Scorer(const tokenizer::Bpe& bpe, const Tokens& tokens, const std::string& name,
         FrontEnd& front_end)
      : merges_(bpe.model().merges), tokens_(tokens), name_(name), front_end_(front_end) {
    struct Ranked {
      uint32_t rank;
      int32_t result;
    };
    std::vector<Ranked> ranked;
    merges_.for_each([&](int32_t, int32_t, const tokenizer::Merge& merge) {
      ranked.push_back({merge.rank, merge.result});
    });
    std::sort(ranked.begin(), ranked.end(),
              [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; });
    std::vector<bool> seen(tokens.texts.size());
    for (const Ranked& merge : ranked) {
      if (!results_.empty() && results_.back() == merge.result) continue;
      if (seen[index(merge.result)]) {
        is_in_order_ = false;
      } else {
        seen[index(merge.result)] = true;
        results_.push_back(merge.result);
      }
    }
  }

  /// Throws Error if neighbours would become a token in llama.cpp that no merge makes.
  void check() const {
    std::vector<std::string_view> texts(tokens_.texts.begin(), tokens_.texts.end());
    for (const tokenizer::TokenSplit& split : tokenizer::find_token_splits(texts, name_)) {
      if (!is_made(split.left) || !is_made(split.right) || !matters(split.result)) continue;
      if (merges_.get(split.left, split.right) == nullptr) {
        refuse(text(split.left), text(split.right));
      }
    }
    std::unordered_set<std::string_view> made;
    for (size_t id = 0; id < texts.size(); ++id) {
      if (is_made(static_cast<int32_t>(id))) made.insert(texts[id]);
    }
    for (size_t id = 0; id < texts.size(); ++id) check_ends(static_cast<int32_t>(id), made);
    if (!is_in_order_) {
      front_end_.note(
          "{}: its merges come in an order that a GGUF file cannot hold: llama.cpp may cut some "
          "text, such as runs of spaces, in another way",
          name_);
    }
  }

  bool agrees(const tokenizer::SentencePieceModel& model) const {
    if (model.pieces.size() > tokens_.texts.size()) return false;
    float last = std::numeric_limits<float>::infinity();
    for (const int32_t result : results_) {
      if (index(result) >= model.pieces.size()) return false;
      const auto& piece = model.pieces[index(result)];
      if (piece.text != text(result) || !(piece.score < last)) return false;
      last = piece.score;
    }
    return true;
  }

  /// As SentencePiece numbers them: 0 for what is made first, then -1 and so on, and after those
  /// the tokens that are not made. Whole numbers up to 2^24 are exact.
  std::vector<float> from_merges() const {
    std::vector<float> scores(tokens_.texts.size(), 0);
    std::vector<bool> has(tokens_.texts.size());
    int64_t place = 0;
    for (const int32_t result : results_) {
      scores[index(result)] = static_cast<float>(-place++);
      has[index(result)] = true;
    }
    for (size_t id = 0; id < scores.size(); ++id) {
      if (!has[id] && tokens_.types[id] == TokenType::normal)
        scores[id] = static_cast<float>(-place++);
    }
    return scores;
  }

 private:
  static size_t index(int32_t id) { return static_cast<size_t>(id); }
  const std::string& text(int32_t id) const { return tokens_.texts[index(id)]; }
  // Whether a piece of text becomes this token.
  bool is_made(int32_t id) const { return tokens_.types[index(id)] == TokenType::normal; }

  // Other tokens are found in a text before it is cut, unless they are spelled with a space's sign.
  bool matters(int32_t id) const {
    const TokenType type = tokens_.types[index(id)];
    const bool is_found =
        type == TokenType::control || type == TokenType::user_defined || type == TokenType::unknown;
    return !is_found || text(id).find(kEscapedSpace) != std::string::npos;
  }

  // A character that is no token joins its neighbour, too, if both are one.
  void check_ends(int32_t id, const std::unordered_set<std::string_view>& made) const {
    const std::string_view whole = text(id);
    const size_t first = first_size(whole);
    if (!is_made(id) || first >= whole.size()) return;
    size_t last = whole.size() - 1;
    while (continues(whole[last])) --last;
    for (const size_t cut : {first, last}) {
      const std::string_view left = whole.substr(0, cut), right = whole.substr(cut);
      const bool both = made.count(left) != 0 && made.count(right) != 0;
      if (!both && is_symbol(left, made) && is_symbol(right, made)) refuse(left, right);
    }
  }

  static bool is_symbol(std::string_view text, const std::unordered_set<std::string_view>& made) {
    return made.count(text) != 0 || first_size(text) == text.size();
  }

  [[noreturn]] void refuse(std::string_view left, std::string_view right) const {
    fail(
        "{}: a GGUF file cannot hold its merges: {} and {} are a token together, but do not merge, "
        "and in llama.cpp they would",
        name_, io::in_quotes(left), io::in_quotes(right));
  }

  const tokenizer::MergeTable& merges_;
  const Tokens& tokens_;
  const std::string& name_;
  FrontEnd& front_end_;
  std::vector<int32_t> results_;  // of the merges, in their order
  bool is_in_order_ = true;
};

}  // namespace

std::vector<float> scores_of(const tokenizer::Bpe& bpe, const Tokens& tokens,
                             const tokenizer::SentencePieceModel* model, const std::string& name,
                             FrontEnd& front_end) {
  const Scorer scorer(bpe, tokens, name, front_end);
  scorer.check();
  std::vector<float> scores = scorer.from_merges();
  if (model != nullptr && scorer.agrees(*model)) {
    for (size_t id = 0; id < model->pieces.size(); ++id) scores[id] = model->pieces[id].score;
  }
  return scores;
}

}  // namespace graft::gguf
