#include "graft/tokenizer/bpe_reader.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"

namespace graft {
namespace {

constexpr size_t kMostMerges = size_t{1} << 23;

// A value that is read later, and how many entries it has.
struct Later {
  std::string_view text;
  size_t entries = 0;
};

Later put_off(JsonReader& reader, char bracket, const Later& earlier, const std::string& where) {
  if (!earlier.text.empty()) fail("{}: is there twice", where);
  if (reader.peek() != bracket) {
    fail("{}: expected an {}", where, bracket == '{' ? "object" : "array");
  }
  Later later;
  auto count = [&] {
    ++later.entries;
    reader.skip();
  };
  const char* begin = reader.at();
  if (bracket == '{') {
    reader.object([&](std::string_view) { count(); });
  } else {
    reader.array(count);
  }
  later.text = {begin, static_cast<size_t>(reader.at() - begin)};
  return later;
}

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
  if (affix && !affix->string().empty()) affix->reject("null: byte-level BPE has no such affix");
}

void read_options(const JsonField& field, BpeModel& model) {
  std::string type = field.find("type") ? field.at("type").string() : "BPE";
  if (type != "BPE") {
    fail("{}: {} is not supported; supported: BPE", field.at("type").where(), in_quotes(type));
  }
  if (field.boolean_or("byte_fallback", false)) {
    fail(
        "{}: byte_fallback is not supported: it belongs to SentencePiece-like BPE, and this is "
        "byte-level BPE",
        field.at("byte_fallback").where());
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

BpeModel read_bpe_model(JsonReader& reader, const std::string& name) {
  BpeModel model;
  nlohmann::json options = nlohmann::json::object();
  // The merges name tokens, so they wait until the vocabulary is known.
  Later vocabulary, merges;
  const std::string vocabulary_name = name + ": model.vocab", merges_name = name + ": model.merges";
  reader.object([&](std::string_view key) {
    if (key == "vocab") {
      vocabulary = put_off(reader, '{', vocabulary, vocabulary_name);
    } else if (key == "merges") {
      merges = put_off(reader, '[', merges, merges_name);
    } else {
      std::string owned(key);
      options[owned] = parse_json(reader.skip(), fmt::format("{}: model.{}", name, in_quotes(key)));
    }
  });
  if (vocabulary.text.empty()) fail("{}: has no \"model.vocab\"", name);
  if (merges.text.empty()) fail("{}: has no \"model.merges\"", name);
  if (vocabulary.entries > static_cast<size_t>(kMostTokens)) {
    fail("{}: {} tokens; the most is {}", vocabulary_name, vocabulary.entries, kMostTokens);
  }
  if (merges.entries > kMostMerges) {
    fail("{}: {} merges; the most is {}", merges_name, merges.entries, kMostMerges);
  }

  model.vocabulary.reserve(vocabulary.entries, vocabulary.text.size() / 2);
  JsonReader vocabulary_reader(vocabulary.text, vocabulary_name);
  read_vocabulary(vocabulary_reader, vocabulary_name, model.vocabulary);
  model.merges = MergeTable(merges.entries);
  JsonReader merges_reader(merges.text, merges_name);
  MergeReader(model.vocabulary, merges_name, model.merges).read(merges_reader);
  read_options(JsonField(options, name, "model"), model);
  return model;
}

}  // namespace graft
