#include "graft/tokenizer/bpe_reader.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"

namespace graft {
namespace {

constexpr size_t kMostMerges = size_t{1} << 23;

void read_vocabulary(JsonReader& reader, const std::string& where, Vocabulary& vocabulary) {
  reader.object([&](std::string_view spelling) {
    int64_t id = reader.integer();
    if (id < 0 || id >= kMostTokens) {
      fail("{}: token {} has id {}; ids go from 0 to {}", where, in_quotes(spelling), id,
           kMostTokens - 1);
    }
    if (!vocabulary.add(spelling, static_cast<int32_t>(id))) {
      fail("{}: token {} or its id {} is there twice", where, in_quotes(spelling), id);
    }
  });
}

class MergeReader {
 public:
  MergeReader(const Vocabulary& vocabulary, const std::string& where, MergeTable& merges)
      : vocabulary_(vocabulary), where_(where), merges_(merges) {}

  void read(JsonReader& reader) {
    reader.array([&] {
      if (reader.peek() == '[') {
        read_pair(reader);
      } else {
        read_joined(reader);
      }
      ++rank_;
    });
  }

 private:
  void read_pair(JsonReader& reader) {
    size_t parts = 0;
    reader.array([&] {
      if (parts == 2) bad_merge();
      sides_[parts++] = reader.string(buffer_);
    });
    if (parts != 2) bad_merge();
    add(sides_[0], sides_[1]);
  }

  void read_joined(JsonReader& reader) {
    std::string_view merge = reader.string(buffer_);
    size_t space = merge.find(' ');
    if (space == std::string_view::npos || merge.find(' ', space + 1) != std::string_view::npos) {
      bad_merge();
    }
    add(merge.substr(0, space), merge.substr(space + 1));
  }

  void add(std::string_view left, std::string_view right) {
    joined_.assign(left);
    joined_ += right;
    Merge merge{rank_, find(joined_)};
    merges_.set(find(left), find(right), merge);
  }

  int32_t find(std::string_view spelling) {
    std::optional<int32_t> id = vocabulary_.find_spelling(spelling);
    if (!id) {
      fail("{}[{}]: {} is not in the vocabulary", where_, rank_, in_quotes(spelling));
    }
    return *id;
  }

  [[noreturn]] void bad_merge() {
    fail("{}[{}]: expected two tokens, as \"a b\" or [\"a\", \"b\"]", where_, rank_);
  }

  const Vocabulary& vocabulary_;
  const std::string& where_;
  MergeTable& merges_;
  std::string buffer_, joined_, sides_[2];
  uint32_t rank_ = 0;
};

void refuse_affix(const JsonField& field, std::string_view key) {
  std::optional<JsonField> affix = field.find(key);
  if (affix && !affix->string().empty()) affix->reject("null: such affixes are not supported");
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
    if (!model.unknown_id) unknown->reject("a token of the vocabulary");
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
  model.vocabulary.reserve(vocabulary.entries, vocabulary.text.size() / 2);
  JsonReader vocabulary_reader(vocabulary.text, vocabulary.where);
  read_vocabulary(vocabulary_reader, vocabulary.where, model.vocabulary);
  model.merges = MergeTable(merges.entries);
  JsonReader merges_reader(merges.text, merges.where);
  MergeReader(model.vocabulary, merges.where, model.merges).read(merges_reader);
  read_options(JsonField(fields.options, fields.name, "model"), model);
  return model;
}

}  // namespace graft
