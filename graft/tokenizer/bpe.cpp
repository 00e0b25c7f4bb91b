#include "graft/tokenizer/bpe.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

// Up to this many tokens, looking over all pairs for the lowest beats a queue.
constexpr size_t kShortWord = 48;
constexpr uint32_t kNoRank = UINT32_MAX;
constexpr std::string_view kMetaspace = "\u2581";

// Removes values[at] of `count` values.
template <class T>
void close_gap(T* values, size_t at, size_t count) {
  for (size_t i = at; i + 1 < count; ++i) values[i] = values[i + 1];
}

// In place of the sizes of tokens where nobody needs them.
struct NoSizes {
  void push_back(size_t) {}
  void add_to_last(size_t) {}
};

// The bytes of text of each token before merges.
struct SizeList {
  std::vector<uint32_t>& list;

  void push_back(size_t size) { list.push_back(static_cast<uint32_t>(size)); }
  void add_to_last(size_t size) { list.back() += static_cast<uint32_t>(size); }
};

// The bytes of the character that spells a byte in a byte-level vocabulary.
size_t spelled_size(char byte) { return byte >= '!' && byte <= '~' ? 1 : 2; }

}  // namespace

Bpe::Bpe(BpeModel model)
    : model_(std::move(model)),
      sizes_(model_.vocabulary, model_.unknown_id),
      whole_(std::make_unique<std::atomic<uint8_t>[]>(model_.vocabulary.id_limit())) {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    char c = static_cast<char>(byte);
    byte_ids_[byte] = model_.vocabulary.find_bytes(std::string_view(&c, 1));
  }
  if (model_.byte_fallback) fallback_.emplace(model_.vocabulary);
  cuts_at_metaspaces_ = may_cut_at_metaspaces();
}

bool Bpe::may_cut_at_metaspaces() const {
  const Vocabulary& vocabulary = model_.vocabulary;
  // An unknown token before the cut must not fuse with one after it, and whole words must not be
  // looked up.
  if (!is_literal() || model_.ignore_merges || vocabulary.find_bytes(kMetaspace) < 0) return false;
  return !model_.merges.any_of([&](int32_t left, int32_t right) {
    return vocabulary.bytes(right).starts_with(kMetaspace) &&
           !vocabulary.bytes(left).ends_with(kMetaspace);
  });
}

// Where the part that begins at `begin` ends: parts are encoded by themselves. Each run of
// metaspaces begins one.
size_t Bpe::part_end(std::string_view word, size_t begin) const {
  size_t next = begin;
  while (word.substr(next).starts_with(kMetaspace)) next += kMetaspace.size();
  return std::min(word.find(kMetaspace, next), word.size());
}

void Bpe::encode(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const {
  if (!cuts_at_metaspaces_) return encode_part(word, workspace, ids);
  size_t next = 0;
  for (size_t begin = 0; begin < word.size(); begin = next) {
    next = part_end(word, begin);
    encode_part(word.substr(begin, next - begin), workspace, ids);
  }
}

void Bpe::encode(std::string_view word, size_t begin, Workspace& workspace,
                 std::vector<int32_t>& ids, std::vector<Span>& parts) const {
  size_t dropped = 0;  // bytes of the word, so far
  size_t next = 0;
  for (size_t at = 0; at < word.size(); at = next) {
    next = cuts_at_metaspaces_ ? part_end(word, at) : word.size();
    std::string_view part = word.substr(at, next - at);
    const size_t first = ids.size();
    encode_part(part, workspace, ids);
    const std::span<const int32_t> added = std::span(ids).subspan(first);
    const size_t place = begin + at - dropped;
    if (!sizes_.append_parts(part.size(), added, place, parts)) {
      dropped += part.size() - append_parts(part, place, workspace, added, parts);
    }
  }
}

// The parts of a word where tokens may be unknown, bytes, or of characters that were dropped: finds
// which of the tokens before merges each token is made of, by the lengths of their spellings.
// Returns how many bytes they stand for, as they are spelled.
size_t Bpe::append_parts(std::string_view word, size_t begin, Workspace& workspace,
                         std::span<const int32_t> ids, std::vector<Span>& parts) const {
  const Vocabulary& vocabulary = model_.vocabulary;
  if (model_.ignore_merges && ids.size() == 1 && vocabulary.find_bytes(word) == ids[0]) {
    parts.push_back({begin, begin + word.size()});
    return word.size();
  }
  workspace.sizes.clear();
  if (is_literal()) {
    split_characters(word, workspace.tokens, SizeList{workspace.sizes});
  } else {
    split_bytes(word, workspace.tokens, SizeList{workspace.sizes});
  }
  // Where the spelling of the word's byte `at` begins.
  size_t spelled = 0, at = 0;
  auto byte_at = [&](size_t place) {
    if (is_literal()) return place;
    while (at < word.size() && spelled + spelled_size(word[at]) <= place) {
      spelled += spelled_size(word[at++]);
    }
    return at;
  };
  size_t place = 0, next = 0;
  for (int32_t id : ids) {
    const size_t wanted = vocabulary.bytes(id).size();
    size_t size = 0;
    for (size_t found = 0; next < workspace.tokens.size() && (size == 0 || found < wanted);) {
      found += vocabulary.bytes(workspace.tokens[next]).size();
      size += workspace.sizes[next++];
    }
    if (size == 0) fail("cannot find the places of tokens in a word of {} bytes", word.size());
    const size_t first = byte_at(place);
    parts.push_back({begin + first, begin + byte_at(place + size - 1) + 1});
    place += size;
  }
  if (next != workspace.tokens.size()) {
    fail("cannot find the places of tokens in a word of {} bytes", word.size());
  }
  return place;
}

void Bpe::encode_part(std::string_view word, Workspace& workspace,
                      std::vector<int32_t>& ids) const {
  uint64_t hash = model_.vocabulary.hash(word);
  int32_t token = model_.vocabulary.find_bytes(word, hash);
  if (token >= 0) {
    std::atomic<uint8_t>& whole = whole_[static_cast<size_t>(token)];
    Whole known = kYes;
    if (!model_.ignore_merges) known = static_cast<Whole>(whole.load(std::memory_order_relaxed));
    if (known == kYes) {
      ids.push_back(token);
      return;
    }
    if (known == kUnknown) {
      size_t begin = ids.size();
      merge(word, workspace, ids);
      bool itself = ids.size() == begin + 1 && ids.back() == token;
      whole.store(itself ? kYes : kNo, std::memory_order_relaxed);
      return;
    }
  }
  std::span<const int32_t> cached = workspace.cache.find(word, hash);
  if (!cached.empty()) {
    ids.insert(ids.end(), cached.begin(), cached.end());
    return;
  }
  size_t begin = ids.size();
  merge(word, workspace, ids);
  workspace.cache.keep(word, hash, std::span(ids).subspan(begin));
}

template <class Sizes>
void Bpe::split_bytes(std::string_view word, std::vector<int32_t>& tokens, Sizes&& sizes) const {
  tokens.clear();
  bool after_unknown = false;
  for (char byte : word) {
    int32_t token = byte_ids_[static_cast<unsigned char>(byte)];
    if (token >= 0) {
      tokens.push_back(token);
      sizes.push_back(spelled_size(byte));
    } else if (model_.unknown_id && !(after_unknown && model_.fuse_unknown)) {
      tokens.push_back(*model_.unknown_id);
      sizes.push_back(spelled_size(byte));
    } else if (model_.unknown_id) {
      sizes.add_to_last(spelled_size(byte));
    }
    after_unknown = token < 0;
  }
}

template <class Sizes>
void Bpe::split_characters(std::string_view word, std::vector<int32_t>& tokens,
                           Sizes&& sizes) const {
  tokens.clear();
  // As in the reference, an unknown token waits for the next known one; byte tokens overtake it.
  bool waiting = false;
  size_t waiting_size = 0;
  auto add_unknown = [&] {
    tokens.push_back(*model_.unknown_id);
    sizes.push_back(std::exchange(waiting_size, 0));
  };
  for (size_t i = 0; i < word.size();) {
    std::string_view character = word.substr(i, unicode::decode(word.data() + i).size);
    i += character.size();
    int32_t token = model_.vocabulary.find_bytes(character);
    if (token >= 0) {
      if (std::exchange(waiting, false)) add_unknown();
      tokens.push_back(token);
      sizes.push_back(character.size());
    } else if (fallback_ && fallback_->append(character, tokens)) {
      for (size_t byte = 0; byte < character.size(); ++byte) sizes.push_back(1);
    } else if (model_.unknown_id) {
      if (waiting && !model_.fuse_unknown) add_unknown();
      waiting = true;
      waiting_size += character.size();
    }
  }
  if (waiting) add_unknown();
}

void Bpe::merge(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const {
  if (word.size() > size_t{INT32_MAX}) {
    fail("a word of {} bytes is too long to encode: the most is {}", word.size(), INT32_MAX);
  }
  if (is_literal()) {
    split_characters(word, workspace.tokens, NoSizes());
  } else {
    split_bytes(word, workspace.tokens, NoSizes());
  }
  if (workspace.tokens.size() <= kShortWord) {
    merge_short(workspace.tokens, ids);
  } else {
    merge_long(workspace, ids);
  }
}

void Bpe::merge_short(std::vector<int32_t>& tokens, std::vector<int32_t>& ids) const {
  size_t n = tokens.size();
  std::array<uint32_t, kShortWord> ranks;   // of the pair that begins here
  std::array<int32_t, kShortWord> results;  // what that pair becomes
  auto look_up = [&](size_t i) {
    const Merge* merge = model_.merges.get(tokens[i], tokens[i + 1]);
    ranks[i] = merge != nullptr ? merge->rank : kNoRank;
    results[i] = merge != nullptr ? merge->result : -1;
  };
  for (size_t i = 0; i + 1 < n; ++i) look_up(i);
  while (n > 1) {
    size_t best = static_cast<size_t>(
        std::min_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(n - 1)) -
        ranks.begin());
    if (ranks[best] == kNoRank) break;
    tokens[best] = results[best];
    close_gap(tokens.data(), best + 1, n);
    close_gap(ranks.data(), best + 1, n - 1);
    close_gap(results.data(), best + 1, n - 1);
    --n;
    if (best + 1 < n) look_up(best);
    if (best > 0) look_up(best - 1);
  }
  ids.insert(ids.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(n));
}

// A queue of possible merges, (rank, position) in one number, over a linked list of tokens. An
// entry whose pair has changed since is dropped when it comes up.
void Bpe::merge_long(Workspace& workspace, std::vector<int32_t>& ids) const {
  std::vector<int32_t>& tokens = workspace.tokens;
  std::vector<int32_t>& previous = workspace.previous;
  std::vector<int32_t>& next = workspace.next;
  std::vector<uint64_t>& queue = workspace.queue;
  const int32_t n = static_cast<int32_t>(tokens.size());
  constexpr int32_t kMerged = -1;  // as a token: merged into the one to its left
  auto at = [](std::vector<int32_t>& list, int32_t i) -> int32_t& {
    return list[static_cast<size_t>(i)];
  };
  auto entry = [](uint32_t rank, int32_t i) {
    return uint64_t{rank} << 32 | static_cast<uint32_t>(i);
  };

  previous.resize(tokens.size());
  next.resize(tokens.size());
  queue.clear();
  for (int32_t i = 0; i < n; ++i) {
    at(previous, i) = i - 1;
    at(next, i) = i + 1;
    if (i + 1 == n) break;
    if (const Merge* merge = model_.merges.get(at(tokens, i), at(tokens, i + 1))) {
      queue.push_back(entry(merge->rank, i));
    }
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  auto push_pair = [&](int32_t i) {
    if (i < 0 || at(next, i) == n) return;
    if (const Merge* merge = model_.merges.get(at(tokens, i), at(tokens, at(next, i)))) {
      queue.push_back(entry(merge->rank, i));
      std::push_heap(queue.begin(), queue.end(), std::greater<>());
    }
  };

  while (!queue.empty()) {
    uint64_t top = queue.front();
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    queue.pop_back();
    int32_t i = static_cast<int32_t>(top & 0xFFFFFFFFu);
    if (at(tokens, i) == kMerged || at(next, i) == n) continue;
    int32_t right = at(next, i);
    const Merge* merge = model_.merges.get(at(tokens, i), at(tokens, right));
    if (merge == nullptr || merge->rank != static_cast<uint32_t>(top >> 32)) continue;
    at(tokens, i) = merge->result;
    at(tokens, right) = kMerged;
    at(next, i) = at(next, right);
    if (at(next, i) != n) at(previous, at(next, i)) = i;
    push_pair(at(previous, i));
    push_pair(i);
  }
  for (int32_t i = 0; i < n; i = at(next, i)) ids.push_back(at(tokens, i));
}

}  // namespace graft::tokenizer
