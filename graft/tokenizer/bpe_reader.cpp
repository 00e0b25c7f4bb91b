#include "graft/tokenizer/bpe_reader.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/thread_pool.h"
#include "graft/io/json.h"
#include "graft/tokenizer/byte_level.h"
#include "graft/tokenizer/json_field.h"

namespace graft::tokenizer {
namespace {

constexpr size_t kMostMerges = size_t{1} << 23;

void read_vocabulary(JsonReader& reader, const std::string& where, Vocabulary& vocabulary) {
  reader.object([&](std::string_view spelling) {
    int64_t id = reader.integer();
    if (id < 0 || id >= kMostTokens) {
      fail("{}: token {} has id {}; ids go from 0 to {}", where, io::in_quotes(spelling), id,
           kMostTokens - 1);
    }
    if (!vocabulary.add(spelling, static_cast<int32_t>(id))) {
      fail("{}: token {} or its id {} is there twice", where, io::in_quotes(spelling), id);
    }
  });
}

// A merge as read from a file.
struct FoundMerge {
  int32_t left, right, result;
};

// Collects merges and looks them up in batches: one at a time, each lookup would wait for memory,
// and a file has hundreds of thousands.
class MergeReader {
 public:
  MergeReader(const Vocabulary& vocabulary, const std::string& where)
      : vocabulary_(vocabulary), where_(where) {}

  // Reads a part of the file's merges; the first has the rank `rank`.
  std::vector<FoundMerge> read(JsonReader reader, uint32_t rank) {
    rank_ = rank;
    reader.elements([&] {
      if (reader.peek() == '[') {
        read_pair(reader);
      } else {
        read_joined(reader);
      }
      ++rank_;
    });
    look_up();
    return std::move(found_);
  }

 private:
  // One side of a merge.
  struct Side {
    std::string bytes;
    uint64_t hash;
    bool is_literal;  // a token that no text is cut into; `bytes` is its spelling
    int32_t id;
  };
  struct Waiting {
    Side left, right;
    uint32_t rank;
  };

  void read_pair(JsonReader& reader) {
    Waiting& merge = waiting_[count_];
    size_t parts = 0;
    reader.array([&] {
      if (parts == 2) bad_merge();
      set(parts++ == 0 ? merge.left : merge.right, reader.string(buffer_));
    });
    if (parts != 2) bad_merge();
    add();
  }

  void read_joined(JsonReader& reader) {
    std::string_view merge = reader.string(buffer_);
    size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      bad_merge();
    }
    set(waiting_[count_].left, merge.substr(0, space));
    set(waiting_[count_].right, merge.substr(space + 1));
    add();
  }

  void add() {
    waiting_[count_].rank = rank_;
    if (++count_ == waiting_.size()) look_up();
  }

  void set(Side& side, std::string_view spelling) {
    side.is_literal = !vocabulary_.bytes_of(spelling, side.bytes);
    if (side.is_literal) side.bytes = spelling;
    side.hash = vocabulary_.hash(side.bytes);
    vocabulary_.prefetch_slot(side.hash);
  }

  void look_up() {
    std::span<Waiting> waiting(waiting_.data(), std::exchange(count_, 0));
    for (const Waiting& merge : waiting) {
      vocabulary_.prefetch_bytes(merge.left.hash);
      vocabulary_.prefetch_bytes(merge.right.hash);
    }
    for (Waiting& merge : waiting) {
      find(merge.left, merge.rank);
      find(merge.right, merge.rank);
      result_ = result_of(merge);
      found_.push_back({merge.left.id, merge.right.id, result_});
    }
  }

  void find(Side& side, uint32_t rank) {
    if (side.is_literal) {
      side.id = find_spelling(side.bytes, rank);
      return;
    }
    side.id = vocabulary_.find_bytes(side.bytes, side.hash);
    if (side.id < 0) not_there(spelling_of(side), rank);
  }

  // In most files merges come in the order of their results, each with one merge or with several.
  int32_t result_of(const Waiting& merge) {
    const Side& left = merge.left;
    const Side& right = merge.right;
    if (left.is_literal || right.is_literal) {
      return find_spelling(spelling_of(left) + spelling_of(right), merge.rank);
    }
    for (int32_t guess : {result_, result_ + 1}) {
      std::string_view bytes = vocabulary_.bytes(guess);
      if (bytes.size() == left.bytes.size() + right.bytes.size() && bytes.starts_with(left.bytes) &&
          bytes.ends_with(right.bytes) &&
          (!vocabulary_.has_uncuttable() || vocabulary_.find_bytes(bytes) == guess)) {
        return guess;
      }
    }
    joined_.assign(left.bytes);
    joined_ += right.bytes;
    int32_t id = vocabulary_.find_bytes(joined_);
    if (id < 0) not_there(spelling_of(left) + spelling_of(right), merge.rank);
    return id;
  }

  std::string spelling_of(const Side& side) const {
    bool spelled = !side.is_literal && vocabulary_.spelling() == Spelling::byte_level;
    return spelled ? spelling_of_bytes(side.bytes) : side.bytes;
  }

  int32_t find_spelling(const std::string& spelling, uint32_t rank) const {
    std::optional<int32_t> id = vocabulary_.find_spelling(spelling);
    if (!id) not_there(spelling, rank);
    return *id;
  }

  [[noreturn]] void not_there(std::string_view spelling, uint32_t rank) const {
    fail("{}[{}]: {} is not in the vocabulary", where_, rank, io::in_quotes(spelling));
  }

  [[noreturn]] void bad_merge() {
    fail("{}[{}]: expected two tokens, as \"a b\" or [\"a\", \"b\"]", where_, rank_);
  }

  const Vocabulary& vocabulary_;
  const std::string& where_;
  uint32_t rank_ = 0;
  std::vector<FoundMerge> found_;
  std::string buffer_, joined_;
  std::array<Waiting, 32> waiting_;
  size_t count_ = 0;     // of them
  int32_t result_ = -1;  // the last one
};

MergeTable read_merges(const PutOff& merges, const Vocabulary& vocabulary) {
  constexpr size_t kPart = JsonReader::Passed::kPartEntries;
  constexpr size_t kAhead = 12;  // merges whose slots in the table are being prefetched
  std::vector<std::vector<FoundMerge>> parts(merges.json.parts.size());
  run_parts(static_cast<int64_t>(parts.size()), [&](int64_t part, int) {
    size_t index = static_cast<size_t>(part);
    parts[index] = MergeReader(vocabulary, merges.where)
                       .read(merges.part_reader(index), static_cast<uint32_t>(index * kPart));
  });
  MergeTable table(merges.entries());
  uint32_t rank = 0;
  for (const std::vector<FoundMerge>& part : parts) {
    for (size_t i = 0; i < part.size(); ++i) {
      const FoundMerge& ahead = part[std::min(i + kAhead, part.size() - 1)];
      table.prefetch(ahead.left, ahead.right);
      table.set(part[i].left, part[i].right, {rank++, part[i].result});
    }
  }
  return table;
}

void refuse_affix(const JsonField& field, std::string_view key) {
  std::optional<JsonField> affix = field.find(key);
  if (affix && !affix->string().empty()) affix->reject("null: such affixes are not supported");
}

bool has_all_bytes(const Vocabulary& vocabulary) {
  for (int byte = 0; byte < 256; ++byte) {
    if (!vocabulary.find_spelling(fmt::format("<0x{:02X}>", byte))) return false;
  }
  return true;
}

void read_options(const JsonField& field, BpeModel& model) {
  bool literal = model.vocabulary.spelling() == Spelling::literal;
  model.byte_fallback = field.boolean_or("byte_fallback", false);
  if (model.byte_fallback && !literal) {
    field.at("byte_fallback")
        .reject("false: with a byte-level pre-tokenizer every byte has a token");
  }
  if (auto dropout = field.find("dropout"); dropout && dropout->value() != 0) {
    dropout->reject("null or 0: with dropout the tokens of a text are random");
  }
  refuse_affix(field, "continuing_subword_prefix");
  refuse_affix(field, "end_of_word_suffix");
  model.fuse_unknown = field.boolean_or("fuse_unk", false);
  model.ignore_merges = field.boolean_or("ignore_merges", false);
  if (auto unknown = field.find("unk_token")) {
    model.unknown_id = model.vocabulary.find_spelling(unknown->string());
    // The library misses it at the first unknown character; where each byte has a token there is
    // none.
    if (!model.unknown_id && !(model.byte_fallback && has_all_bytes(model.vocabulary))) {
      unknown->reject("a token of the vocabulary");
    }
  }
}

}  // namespace

BpeModel read_bpe_model(const ModelFields& fields, Spelling spelling) {
  const PutOff& vocabulary = fields.vocabulary;
  const PutOff& merges = fields.merges;
  check_put_off(vocabulary, '{', static_cast<size_t>(kMostTokens), "tokens");
  check_put_off(merges, '[', kMostMerges, "merges");
  BpeModel model;
  model.vocabulary = Vocabulary(spelling);
  model.vocabulary.reserve(vocabulary.entries(), vocabulary.json.text.size() / 2);
  JsonReader vocabulary_reader = vocabulary.reader();
  read_vocabulary(vocabulary_reader, vocabulary.where, model.vocabulary);
  model.merges = read_merges(merges, model.vocabulary);
  read_options(JsonField(fields.options, fields.name, "model"), model);
  return model;
}

}  // namespace graft::tokenizer
