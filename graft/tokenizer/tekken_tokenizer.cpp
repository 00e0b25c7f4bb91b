#include "graft/tokenizer/tekken_tokenizer.h"

#include <cstdint>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/json_reader.h"
#include "graft/tokenizer/ranked_bpe.h"
#include "graft/tokenizer/vocabulary.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

constexpr int64_t kMostSpecialTokens = 1 << 18;

// The members of the file that matter.
struct TekkenFile {
  json config, special_tokens;
  std::string_view vocabulary;  // not parsed: it is large
};

TekkenFile read_file(std::string_view text, const std::string& name) {
  size_t valid = unicode::valid_prefix(text);
  if (valid != text.size()) fail("{}: byte {}: not valid UTF-8", name, valid);
  TekkenFile file;
  JsonReader reader(text, name);
  reader.object([&](std::string_view key) {
    if (key == "config") {
      file.config = io::parse_json(reader.skip(), name + ": config");
    } else if (key == "special_tokens") {
      file.special_tokens = io::parse_json(reader.skip(), name + ": special_tokens");
    } else if (key == "vocab") {
      file.vocabulary = reader.skip();
    } else {
      reader.skip();
    }
  });
  reader.finish();
  if (file.config.is_null()) fail("{}: has no \"config\"", name);
  if (file.vocabulary.empty()) fail("{}: has no \"vocab\"", name);
  return file;
}

// The names of the special tokens of files that do not list them.
std::vector<std::string> old_special_tokens() {
  return {"<unk>",
          "<s>",
          "</s>",
          "[INST]",
          "[/INST]",
          "[AVAILABLE_TOOLS]",
          "[/AVAILABLE_TOOLS]",
          "[TOOL_RESULTS]",
          "[/TOOL_RESULTS]",
          "[TOOL_CALLS]",
          "[IMG]",
          "<pad>",
          "[IMG_BREAK]",
          "[IMG_END]",
          "[PREFIX]",
          "[MIDDLE]",
          "[SUFFIX]",
          "[SYSTEM_PROMPT]",
          "[/SYSTEM_PROMPT]",
          "[TOOL_CONTENT]"};
}

std::vector<std::string> listed_special_tokens(const JsonField& field) {
  std::vector<JsonField> entries = field.elements();
  std::vector<std::string> tokens(entries.size());
  for (const JsonField& entry : entries) {
    JsonField rank = entry.at("rank");
    std::string& place =
        tokens[static_cast<size_t>(rank.integer(0, static_cast<int64_t>(entries.size()) - 1))];
    if (!place.empty()) rank.reject("a rank that no other token has");
    place = entry.at("token_str").string();
    if (place.empty()) entry.at("token_str").reject("a text that is not empty");
  }
  return tokens;
}

std::vector<std::string> special_tokens(const TekkenFile& file, const std::string& name) {
  JsonField config(file.config, name, "config");
  JsonField listed(file.special_tokens, name, "special_tokens");
  std::vector<std::string> tokens =
      file.special_tokens.is_null() ? old_special_tokens() : listed_special_tokens(listed);
  if (auto count = config.find("default_num_special_tokens")) {
    int64_t listed_count = static_cast<int64_t>(tokens.size());
    int64_t wanted = count->integer(listed_count, kMostSpecialTokens);
    for (int64_t id = listed_count; id < wanted; ++id) {
      tokens.push_back(fmt::format("<SPECIAL_{}>", id));
    }
  }
  std::unordered_set<std::string_view> seen;
  for (const std::string& token : tokens) {
    if (!seen.insert(token).second) {
      fail("{}: the special token {} is there twice", name, io::in_quotes(token));
    }
  }
  return tokens;
}

// How many tokens of the list are used; it may be longer.
int64_t vocabulary_size(const TekkenFile& file, size_t special, const std::string& name) {
  JsonField config(file.config, name, "config");
  int64_t reserved = static_cast<int64_t>(special);
  auto size = config.find("default_vocab_size");
  return size ? size->integer(reserved + 1, kMostTokens) - reserved : kMostTokens - reserved;
}

class VocabularyReader {
 public:
  VocabularyReader(std::string_view text, int64_t most, std::string where)
      : reader_(text, where), most_(most), where_(std::move(where)) {}

  std::vector<std::string> read() {
    reader_.array([&] {
      if (static_cast<int64_t>(tokens_.size()) < most_) {
        read_token();
      } else {
        reader_.skip();
      }
    });
    return std::move(tokens_);
  }

 private:
  void read_token() {
    std::optional<std::string> bytes;
    int64_t rank = -1;
    reader_.object([&](std::string_view key) {
      if (key == "rank") {
        rank = reader_.integer();
      } else if (key == "token_bytes") {
        bytes = base64_decode(reader_.string(buffer_));
      } else {
        reader_.skip();
      }
    });
    if (rank != static_cast<int64_t>(tokens_.size())) {
      fail("{}[{}]: has rank {}; ranks must be the places in the list", where_, tokens_.size(),
           rank);
    }
    if (!bytes || bytes->empty()) {
      fail("{}[{}]: expected \"token_bytes\" in base64", where_, tokens_.size());
    }
    tokens_.push_back(std::move(*bytes));
  }

  JsonReader reader_;
  int64_t most_;
  std::string where_, buffer_;
  std::vector<std::string> tokens_;
};

std::optional<TokenizerParts::Named> named(const std::vector<AddedToken>& added,
                                           std::string_view content) {
  for (const AddedToken& token : added) {
    if (token.content == content) return TokenizerParts::Named{token.content, token.id};
  }
  return std::nullopt;
}

}  // namespace

TokenizerDocuments tekken_tokenizer(std::string_view text, const std::string& name) {
  TekkenFile file = read_file(text, name);
  std::string pattern = JsonField(file.config, name, "config").at("pattern").string();
  RankedBpe bpe{.first_tokens = special_tokens(file, name), .pattern = pattern};
  int64_t size = vocabulary_size(file, bpe.first_tokens.size(), name);
  bpe.tokens = VocabularyReader(file.vocabulary, size, name + ": vocab").read();
  if (file.config.contains("default_vocab_size") &&
      static_cast<int64_t>(bpe.tokens.size()) < size) {
    fail("{}: vocab has {} tokens, but default_vocab_size wants {}", name, bpe.tokens.size(), size);
  }
  TokenizerParts parts = ranked_bpe_parts(bpe, name);
  for (size_t id = 0; id < bpe.first_tokens.size(); ++id) {
    parts.added.push_back(
        {.id = static_cast<int32_t>(id), .content = bpe.first_tokens[id], .special = true});
  }
  parts.bos = named(parts.added, "<s>");
  parts.eos = named(parts.added, "</s>");
  parts.unk = named(parts.added, "<unk>");
  parts.pad = named(parts.added, "<pad>");
  return make_tokenizer_documents(std::move(parts));
}

}  // namespace graft::tokenizer
