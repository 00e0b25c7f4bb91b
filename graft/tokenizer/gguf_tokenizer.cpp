#include "graft/tokenizer/gguf_tokenizer.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "graft/base/error.h"
#include "graft/base/log.h"
#include "graft/io/json.h"
#include "graft/tokenizer/split.h"
#include "graft/tokenizer/vocabulary.h"
#include "graft/unicode/unicode.h"

namespace graft {
namespace {

using Json = nlohmann::ordered_json;

// Values of tokenizer.ggml.token_type.
enum TokenType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// What llama.cpp's name of a pre-tokenizer stands for.
struct PreTokenizerKind {
  std::string_view name;
  SplitRule rule;
  bool each_digit;     // a Digits step before the rule
  bool ignore_merges;  // also: a text begins with BOS unless the file says otherwise
};

// Only those whose tokenizer.json has no other step (a normalizer, say) than these.
constexpr PreTokenizerKind kKinds[] = {
    {"smollm", SplitRule::gpt2, true, false},      {"starcoder", SplitRule::gpt2, true, false},
    {"refact", SplitRule::gpt2, true, false},      {"gpt-2", SplitRule::gpt2, false, false},
    {"phi-2", SplitRule::gpt2, false, false},      {"default", SplitRule::gpt2, false, false},
    {"llama-bpe", SplitRule::llama3, false, true}, {"llama3", SplitRule::llama3, false, true},
    {"llama-v3", SplitRule::llama3, false, true},  {"qwen2", SplitRule::qwen2, false, false},
};

const PreTokenizerKind& kind_of(const GgufTokenizer& gguf, const std::string& name) {
  std::string_view wanted = gguf.pre;
  if (wanted.empty()) wanted = "default";
  if (wanted == "default") {
    warn("{}: does not say how its tokenizer cuts text into words; GPT-2's way is assumed", name);
  }
  std::string known;
  for (const PreTokenizerKind& kind : kKinds) {
    if (kind.name == wanted) return kind;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.name);
  }
  fail("{}: tokenizer.ggml.pre {} is not supported; supported: {}", name, in_quotes(wanted), known);
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json pre_tokenizer_json(const PreTokenizerKind& kind) {
  Json steps = Json::array();
  if (kind.each_digit) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (kind.rule != SplitRule::gpt2) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pattern_of(kind.rule)}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back(byte_level(kind.rule == SplitRule::gpt2));
  if (steps.size() == 1) return steps[0];
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

// BOS and EOS around every text. Null if there are none.
Json post_processor_json(const std::string* bos, int64_t bos_id, const std::string* eos,
                         int64_t eos_id) {
  if (bos == nullptr && eos == nullptr) return nullptr;
  Json special = Json::object();
  auto token = [&](const std::string& content, int64_t id, int type_id) -> Json {
    special[content] = {{"id", content}, {"ids", {id}}, {"tokens", {content}}};
    return {{"SpecialToken", {{"id", content}, {"type_id", type_id}}}};
  };
  auto sequence = [&](const char* id, int type_id) {
    Json parts = Json::array();
    if (bos != nullptr) parts.push_back(token(*bos, bos_id, type_id));
    parts.push_back({{"Sequence", {{"id", id}, {"type_id", type_id}}}});
    if (eos != nullptr) parts.push_back(token(*eos, eos_id, type_id));
    return parts;
  };
  Json single = sequence("A", 0), pair = single;
  for (Json& part : sequence("B", 1)) pair.push_back(std::move(part));
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(special)}};
}

class Converter {
 public:
  Converter(const GgufTokenizer& gguf, const std::string& name) : gguf_(gguf), name_(name) {}

  TokenizerDocuments convert() {
    check();
    const PreTokenizerKind& kind = kind_of(gguf_, name_);
    const std::string* bos = special("bos_token_id", gguf_.bos_token_id);
    const std::string* eos = special("eos_token_id", gguf_.eos_token_id);
    bool add_bos = is_added("bos", gguf_.add_bos_token, kind.ignore_merges, bos);
    bool add_eos = is_added("eos", gguf_.add_eos_token, false, eos);
    Json added = added_tokens();

    TokenizerDocuments documents;
    documents.tokenizer_json = {
        {"version", "1.0"},
        {"truncation", nullptr},
        {"padding", nullptr},
        {"added_tokens", added},
        {"normalizer", kind.rule == SplitRule::qwen2 ? Json{{"type", "NFC"}} : Json(nullptr)},
        {"pre_tokenizer", pre_tokenizer_json(kind)},
        {"post_processor",
         post_processor_json(add_bos ? bos : nullptr, gguf_.bos_token_id.value_or(0),
                             add_eos ? eos : nullptr, gguf_.eos_token_id.value_or(0))},
        {"decoder", byte_level(true)},
        {"model", model_json(kind)}};
    documents.tokenizer_config_json = config_json(added, bos, eos, add_bos, add_eos);
    return documents;
  }

 private:
  void check() const {
    if (gguf_.model != "gpt2") {
      fail("{}: tokenizer.ggml.model {} is not supported; supported: gpt2 (byte-level BPE)", name_,
           in_quotes(gguf_.model));
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
    if (gguf_.merges.empty()) fail("{}: tokenizer.ggml.merges is missing or empty", name_);
    check_utf8(gguf_.tokens, "tokens");
    check_utf8(gguf_.merges, "merges");
    if (unicode::valid_prefix(gguf_.chat_template) != gguf_.chat_template.size()) {
      fail("{}: tokenizer.chat_template is not valid UTF-8", name_);
    }
  }

  void check_utf8(const std::vector<std::string>& strings, std::string_view key) const {
    for (size_t i = 0; i < strings.size(); ++i) {
      if (unicode::valid_prefix(strings[i]) != strings[i].size()) {
        fail("{}: tokenizer.ggml.{}[{}] is not valid UTF-8", name_, key, i);
      }
    }
  }

  int32_t type_of(size_t id) const {
    return gguf_.token_types.empty() ? kNormal : gguf_.token_types[id];
  }

  const std::string* special(std::string_view key, std::optional<int64_t> id) const {
    if (!id) return nullptr;
    if (*id < 0 || *id >= static_cast<int64_t>(gguf_.tokens.size())) {
      fail("{}: tokenizer.ggml.{} is {}, but there are {} tokens", name_, key, *id,
           gguf_.tokens.size());
    }
    return &gguf_.tokens[static_cast<size_t>(*id)];
  }

  bool is_added(std::string_view kind, std::optional<bool> wanted, bool otherwise,
                const std::string* token) const {
    if (wanted.value_or(false) && token == nullptr) {
      fail("{}: tokenizer.ggml.add_{}_token is true, but there is no {}_token_id", name_, kind,
           kind);
    }
    return wanted.value_or(otherwise) && token != nullptr;
  }

  // A token of the model's own may end a text too: found in text, then, as any special token.
  bool is_named(int64_t id) const {
    return gguf_.bos_token_id == id || gguf_.eos_token_id == id || gguf_.unk_token_id == id ||
           gguf_.pad_token_id == id;
  }

  Json added_tokens() const {
    Json added = Json::array();
    for (size_t id = 0; id < gguf_.tokens.size(); ++id) {
      int32_t type = type_of(id);
      bool special = type == kControl || type == kUnknown || is_named(static_cast<int64_t>(id));
      if ((!special && type != kUserDefined) || gguf_.tokens[id].empty()) continue;
      added.push_back({{"id", id},
                       {"content", gguf_.tokens[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", special}});
    }
    return added;
  }

  Json model_json(const PreTokenizerKind& kind) const {
    Json::object_t vocabulary;
    vocabulary.reserve(gguf_.tokens.size());
    std::unordered_map<std::string_view, size_t> seen;
    seen.reserve(gguf_.tokens.size());
    for (size_t id = 0; id < gguf_.tokens.size(); ++id) {
      if (type_of(id) == kUnused && !is_named(static_cast<int64_t>(id))) continue;
      auto [other, is_new] = seen.emplace(gguf_.tokens[id], id);
      if (!is_new) {
        fail("{}: tokenizer.ggml.tokens[{}] and [{}] are both {}", name_, other->second, id,
             in_quotes(gguf_.tokens[id]));
      }
      // push_back, not operator[]: an ordered object looks a key up by walking.
      vocabulary.push_back({gguf_.tokens[id], id});
    }
    Json merges = Json::array();
    for (const std::string& merge : gguf_.merges) merges.push_back(merge);
    return {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", kind.ignore_merges},
            {"vocab", Json(std::move(vocabulary))},
            {"merges", std::move(merges)}};
  }

  Json config_json(const Json& added, const std::string* bos, const std::string* eos, bool add_bos,
                   bool add_eos) const {
    Json::object_t decoder;
    for (Json token : added) {
      std::string id = std::to_string(token["id"].get<int64_t>());
      token.erase("id");
      decoder.push_back({std::move(id), std::move(token)});
    }
    auto text_or_null = [](const std::string* text) {
      return text == nullptr ? Json(nullptr) : Json(*text);
    };
    Json config = {{"add_bos_token", add_bos},
                   {"add_eos_token", add_eos},
                   {"add_prefix_space", false},
                   {"added_tokens_decoder", Json(std::move(decoder))},
                   {"bos_token", text_or_null(bos)},
                   {"clean_up_tokenization_spaces", false},
                   {"eos_token", text_or_null(eos)},
                   {"pad_token", text_or_null(special("padding_token_id", gguf_.pad_token_id))},
                   {"tokenizer_class", "PreTrainedTokenizerFast"},
                   {"unk_token", text_or_null(special("unknown_token_id", gguf_.unk_token_id))}};
    if (!gguf_.chat_template.empty()) config["chat_template"] = gguf_.chat_template;
    if (gguf_.context_length) config["model_max_length"] = *gguf_.context_length;
    return config;
  }

  const GgufTokenizer& gguf_;
  const std::string& name_;
};

}  // namespace

TokenizerDocuments convert_gguf_tokenizer(const GgufTokenizer& gguf, const std::string& name) {
  return Converter(gguf, name).convert();
}

}  // namespace graft
