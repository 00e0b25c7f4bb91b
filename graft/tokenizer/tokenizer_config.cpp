#include "graft/tokenizer/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/vocabulary.h"

namespace graft::tokenizer {
namespace {

// In the order that transformers adds them, should they be new.
constexpr const char* kNamed[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};
constexpr const char* kLists[] = {"extra_special_tokens", "additional_special_tokens"};

// A token stands as its text or as an object with flags.
AddedToken read_token(const JsonField& field) {
  AddedToken token;
  token.special = true;
  if (field.value().is_string()) {
    token.content = field.string();
    return token;
  }
  if (!field.value().is_object()) field.reject("a string or an object with \"content\"");
  token.content = field.at("content").string();
  token.single_word = field.boolean_or("single_word", false);
  token.lstrip = field.boolean_or("lstrip", false);
  token.rstrip = field.boolean_or("rstrip", false);
  token.normalized = field.boolean_or("normalized", false);
  token.special = field.boolean_or("special", true);
  return token;
}

std::vector<AddedToken> read_decoder(const JsonField& field) {
  std::vector<AddedToken> tokens;
  for (const auto& [key, member] : field.members()) {
    AddedToken token = read_token(member);
    token.special = member.boolean_or("special", false);
    token.normalized = member.boolean_or("normalized", !token.special);
    auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size() || token.id < 0 ||
        token.id >= kMostTokens) {
      fail("{}: expected an id as the key", member.where());
    }
    tokens.push_back(std::move(token));
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  return tokens;
}

// The named special tokens of the config and, before it, of the special tokens map.
class NamedTokens {
 public:
  void read(const JsonField& root) {
    for (const char* name : kNamed) {
      if (auto field = root.find(name)) add(name, *field);
    }
    for (const auto& [key, member] : root.members()) {  // a model's own, as "image_token"
      std::string_view ending = "_token";
      if (key.ends_with(ending) && member.value().is_string()) add(key, member);
    }
    for (const char* name : kLists) {
      auto list = root.find(name);
      if (!list) continue;
      if (list->value().is_object()) {
        for (const auto& [key, member] : list->members()) add(key, member);
      } else {
        for (const JsonField& element : list->elements()) add("", element);
      }
    }
  }

  bool has(std::string_view content) const {
    return std::any_of(tokens_.begin(), tokens_.end(),
                       [&](const AddedToken& token) { return token.content == content; });
  }

  std::vector<AddedToken> take() { return std::move(tokens_); }

  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> contents;
    for (const char* name : kNamed) {
      auto found = by_name_.find(name);
      if (found != by_name_.end()) contents.insert(*found);
    }
    return contents;
  }

 private:
  void add(const std::string& name, const JsonField& field) {
    AddedToken token = read_token(field);
    if (token.content.empty()) return;
    if (!name.empty() && !by_name_.emplace(name, token.content).second) return;
    tokens_.push_back(std::move(token));
  }

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, std::string> by_name_;
};

// added_tokens.json: contents with their ids.
void add_by_id(const JsonField& root, const NamedTokens& named, std::vector<AddedToken>& added) {
  std::vector<AddedToken> tokens;
  for (const auto& [content, member] : root.members()) {
    AddedToken token;
    token.content = content;
    const json& id = member.value();
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= kMostTokens) {
      member.reject("an id");
    }
    token.id = id.get<int32_t>();
    token.special = named.has(content);
    token.normalized = !token.special;
    tokens.push_back(std::move(token));
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  added.insert(added.end(), tokens.begin(), tokens.end());
}

}  // namespace

TokenizerConfig read_tokenizer_config(const TokenizerConfigFiles& files) {
  const auto& [config, special_map, added_tokens, decoder_is_converted] = files;
  json config_json =
      config.text.empty() ? json::object() : io::parse_json(config.text, config.name);
  JsonField root(config_json, config.name);
  TokenizerConfig result;
  NamedTokens named;
  const auto decoder = root.find("added_tokens_decoder");
  if (decoder) result.added = read_decoder(*decoder);
  const bool others_count = !decoder || decoder_is_converted;
  if (others_count && !special_map.text.empty()) {
    json map_json = io::parse_json(special_map.text, special_map.name);
    named.read(JsonField(map_json, special_map.name));
  }
  named.read(root);
  if (others_count && !added_tokens.text.empty()) {
    json added_json = io::parse_json(added_tokens.text, added_tokens.name);
    add_by_id(JsonField(added_json, added_tokens.name), named, result.added);
  }
  result.special_tokens = named.contents();
  result.named = named.take();
  if (auto name = root.find("tokenizer_class")) result.tokenizer_class = name->string();
  auto flag = [&](const char* key) -> std::optional<bool> {
    auto field = root.find(key);
    return field ? std::optional(field->boolean()) : std::nullopt;
  };
  result.add_bos_token = flag("add_bos_token");
  result.add_eos_token = flag("add_eos_token");
  result.add_prefix_space = flag("add_prefix_space");
  result.legacy = flag("legacy");
  return result;
}

}  // namespace graft::tokenizer
