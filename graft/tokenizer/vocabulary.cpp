#include "graft/tokenizer/vocabulary.h"

#include <cstring>
#include <random>

#include "graft/tokenizer/byte_level.h"
#include "graft/tokenizer/hash.h"

namespace graft::tokenizer {

uint64_t hash_seed() {
  static const uint64_t seed = [] {
    std::random_device device;
    return uint64_t{device()} << 32 | device();
  }();
  return seed;
}

Vocabulary::Vocabulary(Spelling spelling)
    : spelling_(spelling), seed_(hash_seed()), slots_(table_size(0)) {}

bool Vocabulary::bytes_of(std::string_view spelling, std::string& bytes) const {
  if (spelling_ == Spelling::byte_level) return bytes_of_spelling(spelling, bytes);
  bytes = spelling;
  return true;
}

void Vocabulary::reserve(size_t tokens, size_t bytes) {
  spans_.reserve(tokens);
  arena_.reserve(bytes);
  rehash(table_size(2 * tokens));
}

uint64_t Vocabulary::hash(std::string_view bytes) const { return hash_bytes(bytes, seed_); }

void Vocabulary::place(uint64_t hash, int32_t id, Span span) {
  size_t mask = slots_.size() - 1;
  size_t i = hash & mask;
  while (slots_[i].id >= 0) i = (i + 1) & mask;
  slots_[i] = {static_cast<uint32_t>(hash >> 32), id, span.begin, span.size};
}

void Vocabulary::rehash(size_t size) {
  std::vector<Slot> old = std::move(slots_);
  slots_.assign(size, {});
  for (const Slot& slot : old) {
    if (slot.id >= 0) place(hash(bytes(slot.id)), slot.id, {slot.begin, slot.size});
  }
}

bool Vocabulary::add(std::string_view spelling, int32_t id) {
  size_t index = static_cast<size_t>(id);
  if (has(id)) return false;
  std::string bytes;
  bool literal = !bytes_of(spelling, bytes);
  if (literal) bytes = spelling;
  Span span{static_cast<uint32_t>(arena_.size()), static_cast<uint32_t>(bytes.size())};
  if (literal) {
    if (!literal_.emplace(spelling, id).second) return false;
  } else {
    uint64_t key = hash(bytes);
    if (find_bytes(bytes, key) >= 0) return false;
    if (2 * (count_ + 1) > slots_.size()) rehash(2 * slots_.size());
    place(key, id, span);
  }
  if (index >= spans_.size()) spans_.resize(index + 1);
  spans_[index] = span;
  arena_ += bytes;
  ++count_;
  return true;
}

std::optional<int32_t> Vocabulary::find_spelling(std::string_view spelling) const {
  std::string bytes;
  int32_t id = -1;
  if (bytes_of(spelling, bytes)) {
    id = find_bytes(bytes);
  } else if (auto found = literal_.find(std::string(spelling)); found != literal_.end()) {
    id = found->second;
  }
  if (id < 0) return std::nullopt;
  return id;
}

int32_t Vocabulary::find_bytes(std::string_view wanted, uint64_t hash) const {
  size_t mask = slots_.size() - 1;
  uint32_t tag = static_cast<uint32_t>(hash >> 32);
  for (size_t i = hash & mask; slots_[i].id >= 0; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.tag == tag && slot.size == wanted.size() &&
        std::memcmp(arena_.data() + slot.begin, wanted.data(), slot.size) == 0) {
      return slot.id;
    }
  }
  return -1;
}

std::string Vocabulary::spelling(int32_t id) const {
  const std::string_view bytes = this->bytes(id);
  if (spelling_ == Spelling::literal) return std::string(bytes);
  if (const auto found = literal_.find(std::string(bytes));
      found != literal_.end() && found->second == id) {
    return std::string(bytes);
  }
  return spelling_of_bytes(bytes);
}

std::string_view Vocabulary::bytes(int32_t id) const {
  if (!has(id)) return {};
  const Span& span = spans_[static_cast<size_t>(id)];
  return {arena_.data() + span.begin, span.size};
}

}  // namespace graft::tokenizer
