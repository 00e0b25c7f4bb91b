#include "graft/tokenizer/unigram.h"

#include <algorithm>
#include <utility>

#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

constexpr double kUnknownPenalty = 10.0;

std::vector<Trie::Entry> entries_of(const Vocabulary& vocabulary) {
  std::vector<Trie::Entry> entries;
  entries.reserve(vocabulary.count());
  for (int32_t id = 0; id < static_cast<int32_t>(vocabulary.id_limit()); ++id) {
    if (vocabulary.has(id)) entries.push_back({vocabulary.bytes(id), id});
  }
  return entries;
}

}  // namespace

Unigram::Unigram(UnigramModel model)
    : model_(std::move(model)),
      trie_(entries_of(model_.vocabulary)),
      sizes_(model_.vocabulary, model_.unknown_id) {
  double least = 0;
  if (!model_.scores.empty()) {
    least = *std::min_element(model_.scores.begin(), model_.scores.end());
  }
  unknown_score_ = least - kUnknownPenalty;
  if (model_.byte_fallback) fallback_.emplace(model_.vocabulary);
}

void Unigram::encode(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const {
  uint64_t hash = model_.vocabulary.hash(word);
  std::span<const int32_t> cached = workspace.cache.find(word, hash);
  if (!cached.empty()) {
    ids.insert(ids.end(), cached.begin(), cached.end());
    return;
  }
  for_each_from_end(word, workspace, [](size_t, size_t) {});
  const std::vector<int32_t>& tokens = workspace.tokens;
  size_t begin = ids.size();
  ids.insert(ids.end(), tokens.rbegin(), tokens.rend());
  workspace.cache.keep(word, hash, std::span(ids).subspan(begin));
}

void Unigram::encode(std::string_view word, size_t begin, Workspace& workspace,
                     std::vector<int32_t>& ids, std::vector<Span>& parts) const {
  const size_t first = ids.size();
  encode(word, workspace, ids);
  if (sizes_.append_parts(word.size(), std::span(ids).subspan(first), begin, parts)) return;
  workspace.parts.clear();
  for_each_from_end(word, workspace, [&](size_t start, size_t end) {
    workspace.parts.resize(workspace.tokens.size(), {begin + start, begin + end});
  });
  parts.insert(parts.end(), workspace.parts.rbegin(), workspace.parts.rend());
}

// Finds the word's tokens, in workspace.tokens from the end to the beginning, and calls
// token(start, end) after those of each part. Neighbouring unknown pieces are one part, and are
// looked up as such.
template <class Token>
void Unigram::for_each_from_end(std::string_view word, Workspace& workspace, Token&& token) const {
  find_best(word, workspace.places);
  std::vector<int32_t>& tokens = workspace.tokens;
  tokens.clear();
  for (size_t end = word.size(); end > 0;) {
    const Workspace::Place& place = workspace.places[end];
    size_t start = place.start;
    if (place.id != model_.unknown_id) {
      tokens.push_back(place.id);
    } else {
      while (start > 0 && workspace.places[start].id == model_.unknown_id) {
        start = workspace.places[start].start;
      }
      append_unknown(word.substr(start, end - start), tokens);
    }
    token(start, end);
    end = start;
  }
}

void Unigram::find_best(std::string_view word, std::vector<Workspace::Place>& places) const {
  places.assign(word.size() + 1, {0, 0, -1});
  for (size_t start = 0; start < word.size();) {
    const double score = places[start].score;
    const size_t character = unicode::sequence_size(word[start]);
    bool has_character = false;
    auto offer = [&](size_t size, double gain, int32_t id) {
      Workspace::Place& place = places[start + size];
      double candidate = score + gain;
      if (place.id < 0 || candidate > place.score) place = {candidate, start, id};
    };
    trie_.for_each_prefix(word.substr(start), [&](size_t size, int32_t id) {
      offer(size, model_.scores[static_cast<size_t>(id)], id);
      has_character = has_character || size == character;
    });
    if (!has_character) offer(character, unknown_score_, model_.unknown_id);
    start += character;
  }
}

// The last token first, like all of `tokens`.
void Unigram::append_unknown(std::string_view text, std::vector<int32_t>& tokens) const {
  int32_t known = model_.vocabulary.find_bytes(text);
  if (known >= 0) {
    tokens.push_back(known);
    return;
  }
  auto count = static_cast<std::ptrdiff_t>(tokens.size());
  if (fallback_ && fallback_->append(text, tokens)) {
    std::reverse(tokens.begin() + count, tokens.end());
    return;
  }
  tokens.push_back(model_.unknown_id);
}

}  // namespace graft::tokenizer
