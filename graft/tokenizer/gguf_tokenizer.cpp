#include "graft/tokenizer/gguf_tokenizer.h"

#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/gguf_pre_tokenizer.h"
#include "graft/tokenizer/sentencepiece_tokenizer.h"
#include "graft/tokenizer/split.h"
#include "graft/tokenizer/tokenizer_documents.h"
#include "graft/tokenizer/vocabulary.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

using Json = nlohmann::ordered_json;
using SpacePrefix = SentencePieceHints::SpacePrefix;

constexpr std::pair<SpacePrefix, std::string_view> kSpacePrefixes[] = {
    {SpacePrefix::sentencepiece, "every part"},
    {SpacePrefix::each_part, "parts without a space"},
    {SpacePrefix::text_start, "text without a space"},
};

// Values of tokenizer.ggml.token_type.
enum TokenType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

const GgufPreTokenizer& kind_of(const GgufTokenizer& gguf, const std::string& name,
                                FrontEnd& front_end) {
  std::string_view wanted = gguf.pre;
  if (wanted.empty() || wanted == "default") {
    front_end.warn(
        "{}: does not say how its tokenizer cuts text into words; GPT-2's way is assumed", name);
    wanted = "gpt-2";
  }
  std::string known;
  for (const GgufPreTokenizer& kind : gguf_pre_tokenizers()) {
    if (kind.name == wanted) return kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.name);
  }
  fail("{}: tokenizer.ggml.pre {} is not supported; supported: {}", name, io::in_quotes(wanted),
       known);
}

Json pre_tokenizer_json(const GgufPreTokenizer& kind) {
  std::vector<Json> steps;
  bool use_regex = false;  // of ByteLevel, whose own expression comes last
  for (const std::string_view pattern : kind.patterns) {
    if (pattern == pattern_of(SplitRule::gpt2)) {
      use_regex = true;
    } else if (pattern == R"(\p{N})") {
      steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    } else {
      steps.push_back(split_json(pattern));
    }
  }
  steps.push_back(byte_level_json(use_regex));
  return sequence_json("pretokenizers", std::move(steps));
}

class Converter {
 public:
  Converter(const GgufTokenizer& gguf, const std::string& name, FrontEnd& front_end)
      : gguf_(gguf), name_(name), front_end_(front_end) {}

  TokenizerDocuments convert() {
    check();
    TokenizerParts parts =
        gguf_.model == "llama" ? sentencepiece_tokenizer() : byte_level_tokenizer();
    parts.chat_template = gguf_.chat_template;
    parts.context_length = gguf_.context_length;
    return make_tokenizer_documents(std::move(parts));
  }

 private:
  TokenizerParts byte_level_tokenizer() const {
    if (gguf_.merges.empty()) fail("{}: tokenizer.ggml.merges is missing or empty", name_);
    const GgufPreTokenizer& kind = kind_of(gguf_, name_, front_end_);
    TokenizerParts parts;
    parts.bos = named("bos_token_id", gguf_.bos_token_id);
    parts.eos = named("eos_token_id", gguf_.eos_token_id);
    parts.unk = named("unknown_token_id", gguf_.unk_token_id);
    parts.pad = named("padding_token_id", gguf_.pad_token_id);
    parts.add_bos = is_added("bos", gguf_.add_bos_token, kind.adds_bos, gguf_.bos_token_id);
    parts.add_eos = is_added("eos", gguf_.add_eos_token, false, gguf_.eos_token_id);
    parts.added = added_tokens();
    if (gguf_.nfc.value_or(kind.nfc)) parts.normalizer = {{"type", "NFC"}};
    parts.pre_tokenizer = pre_tokenizer_json(kind);
    parts.decoder = byte_level_json(true);
    parts.model = bpe_model_json(vocabulary_json(), merges_json());
    parts.model["ignore_merges"] = kind.ignore_merges;
    return parts;
  }

  TokenizerParts sentencepiece_tokenizer() const {
    SentencePieceModel model{.kind = SentencePieceModel::Kind::bpe,
                             .byte_fallback = true,
                             .unk_id = piece_id("unknown_token_id", gguf_.unk_token_id),
                             .bos_id = piece_id("bos_token_id", gguf_.bos_token_id),
                             .eos_id = piece_id("eos_token_id", gguf_.eos_token_id),
                             .pad_id = piece_id("padding_token_id", gguf_.pad_token_id),
                             .add_dummy_prefix = gguf_.add_space_prefix.value_or(true),
                             .remove_extra_whitespaces = false};
    if (gguf_.merges.empty()) check_scores();
    for (size_t id = 0; id < gguf_.tokens.size(); ++id) {
      if (gguf_.tokens[id].empty()) fail("{}: tokenizer.ggml.tokens[{}] is empty", name_, id);
      double score = gguf_.merges.empty() ? gguf_.scores[id] : 0;
      model.pieces.push_back({gguf_.tokens[id], static_cast<float>(score),
                              static_cast<SentencePieceModel::Type>(type_of(id))});
    }
    SentencePieceHints hints{
        .space_prefix = space_prefix(),
        .add_bos_token = is_added("bos", gguf_.add_bos_token, true, gguf_.bos_token_id),
        .add_eos_token = is_added("eos", gguf_.add_eos_token, false, gguf_.eos_token_id)};
    Json merges = gguf_.merges.empty() ? sentencepiece_merges(model, hints.merge_order, name_)
                                       : merges_json();
    return sentencepiece_parts(model, std::move(merges), hints, name_);
  }

  void check() const {
    if (gguf_.model != "gpt2" && gguf_.model != "llama") {
      fail(
          "{}: tokenizer.ggml.model {} is not supported; supported: gpt2 (byte-level BPE), llama "
          "(SentencePiece BPE)",
          name_, io::in_quotes(gguf_.model));
    }
    if (gguf_.tokens.empty()) fail("{}: tokenizer.ggml.tokens is missing or empty", name_);
    if (gguf_.tokens.size() > static_cast<size_t>(kMostTokens)) {
      fail("{}: tokenizer.ggml.tokens has {} entries; the most is {}", name_, gguf_.tokens.size(),
           kMostTokens);
    }
    if (!gguf_.token_types.empty() && gguf_.token_types.size() != gguf_.tokens.size()) {
      fail("{}: tokenizer.ggml.token_type has {} entries, but there are {} tokens", name_,
           gguf_.token_types.size(), gguf_.tokens.size());
    }
    check_utf8(gguf_.tokens, "tokens");
    check_utf8(gguf_.merges, "merges");
    if (unicode::valid_prefix(gguf_.chat_template) != gguf_.chat_template.size()) {
      fail("{}: tokenizer.chat_template is not valid UTF-8", name_);
    }
  }

  void check_scores() const {
    if (gguf_.scores.size() != gguf_.tokens.size()) {
      fail("{}: tokenizer.ggml.scores has {} entries, but there are {} tokens", name_,
           gguf_.scores.size(), gguf_.tokens.size());
    }
    for (size_t id = 0; id < gguf_.scores.size(); ++id) {
      if (!std::isfinite(static_cast<float>(gguf_.scores[id]))) {
        fail("{}: tokenizer.ggml.scores[{}] is {}", name_, id, gguf_.scores[id]);
      }
    }
  }

  void check_utf8(const std::vector<std::string>& strings, std::string_view key) const {
    for (size_t i = 0; i < strings.size(); ++i) {
      if (unicode::valid_prefix(strings[i]) != strings[i].size()) {
        fail("{}: tokenizer.ggml.{}[{}] is not valid UTF-8", name_, key, i);
      }
    }
  }

  SpacePrefix space_prefix() const {
    if (gguf_.space_prefix.empty()) return SpacePrefix::text_start;  // as transformers reads it
    for (const auto& [prefix, its_name] : kSpacePrefixes) {
      if (gguf_.space_prefix == its_name) return prefix;
    }
    fail("{}: {} is {}, which is not known", name_, kGgufSpacePrefixKey,
         io::in_quotes(gguf_.space_prefix));
  }

  int32_t type_of(size_t id) const {
    return gguf_.token_types.empty() ? kNormal : gguf_.token_types[id];
  }

  std::optional<int32_t> piece_id(std::string_view key, std::optional<int64_t> id) const {
    if (!id) return std::nullopt;
    if (*id < 0 || *id >= static_cast<int64_t>(gguf_.tokens.size())) {
      fail("{}: tokenizer.ggml.{} is {}, but there are {} tokens", name_, key, *id,
           gguf_.tokens.size());
    }
    return static_cast<int32_t>(*id);
  }

  std::optional<TokenizerParts::Named> named(std::string_view key,
                                             std::optional<int64_t> wanted) const {
    std::optional<int32_t> id = piece_id(key, wanted);
    if (!id) return std::nullopt;
    return TokenizerParts::Named{gguf_.tokens[static_cast<size_t>(*id)], *id};
  }

  bool is_added(std::string_view kind, std::optional<bool> wanted, bool otherwise,
                std::optional<int64_t> id) const {
    if (wanted.value_or(false) && !id) {
      fail("{}: tokenizer.ggml.add_{}_token is true, but there is no {}_token_id", name_, kind,
           kind);
    }
    return wanted.value_or(otherwise) && id;
  }

  // An ordinary token may also be BOS, EOS and so on; it is then found in text like any special
  // token.
  bool is_named(int64_t id) const {
    return gguf_.bos_token_id == id || gguf_.eos_token_id == id || gguf_.unk_token_id == id ||
           gguf_.pad_token_id == id;
  }

  std::vector<AddedToken> added_tokens() const {
    std::vector<AddedToken> added;
    for (size_t id = 0; id < gguf_.tokens.size(); ++id) {
      int32_t type = type_of(id);
      bool special = type == kControl || type == kUnknown || is_named(static_cast<int64_t>(id));
      if ((!special && type != kUserDefined) || gguf_.tokens[id].empty()) continue;
      added.push_back(
          {.id = static_cast<int32_t>(id), .content = gguf_.tokens[id], .special = special});
    }
    return added;
  }

  Json vocabulary_json() const {
    Json::object_t vocabulary;
    vocabulary.reserve(gguf_.tokens.size());
    std::unordered_map<std::string_view, size_t> seen;
    seen.reserve(gguf_.tokens.size());
    for (size_t id = 0; id < gguf_.tokens.size(); ++id) {
      if (type_of(id) == kUnused && !is_named(static_cast<int64_t>(id))) continue;
      auto [other, is_new] = seen.emplace(gguf_.tokens[id], id);
      if (!is_new) {
        fail("{}: tokenizer.ggml.tokens[{}] and [{}] are both {}", name_, other->second, id,
             io::in_quotes(gguf_.tokens[id]));
      }
      // push_back, not operator[]: an ordered object looks up keys by linear search.
      vocabulary.push_back({gguf_.tokens[id], id});
    }
    return vocabulary;
  }

  Json merges_json() const {
    Json merges = Json::array();
    for (const std::string& merge : gguf_.merges) merges.push_back(merge);
    return merges;
  }

  const GgufTokenizer& gguf_;
  const std::string& name_;
  FrontEnd& front_end_;
};

}  // namespace

std::string_view gguf_name_of(SpacePrefix prefix) {
  for (const auto& [known, its_name] : kSpacePrefixes) {
    if (known == prefix) return its_name;
  }
  return {};
}

TokenizerDocuments convert_gguf_tokenizer(const GgufTokenizer& gguf, const std::string& name,
                                          FrontEnd& front_end) {
  return Converter(gguf, name, front_end).convert();
}

}  // namespace graft::tokenizer
