#include "graft/tokenizer/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <optional>
#include <set>
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

// A token stands as its text or as an object with flags. `special`: unless the object says.
AddedToken read_token(const JsonField& field, bool special = true) {
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
  token.special = field.boolean_or("special", special);
  token.normalized = field.boolean_or("normalized", !token.special);
  return token;
}

std::vector<AddedToken> read_decoder(const JsonField& field) {
  std::vector<AddedToken> tokens;
  for (const auto& [key, member] : field.members()) {
    AddedToken token = read_token(member, false);
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

// Where a name stands among those that are added.
size_t rank(const std::string& name) {
  if (name.empty()) return std::size(kNamed) + 1;
  return static_cast<size_t>(std::find(std::begin(kNamed), std::end(kNamed), name) -
                             std::begin(kNamed));
}

// The named special tokens, first of special_tokens_map.json, whose values win, then of the config
// (PreTrainedTokenizerBase._from_pretrained).
class NamedTokens {
 public:
  void read_map(const JsonField& root, const ordered_json& order) {
    read_named(root);
    read_own(root, order, Form::object);
    read_own(root, order, Form::text);
    add_list(root.find("extra_special_tokens"));
    additional_ = root.find("additional_special_tokens");
  }

  void read_config(const JsonField& root, const ordered_json& order) {
    read_named(root);
    read_own(root, order, Form::object);
    const size_t before = own_.size();
    read_own(root, order, Form::text);
    const auto extra = root.find("extra_special_tokens");
    const bool has_extra = extra && !extra->value().empty();
    // The older name counts where there is nothing under the newer one.
    std::vector<AddedToken> of_map = std::move(extra_);
    extra_.clear();
    add_list(has_extra ? extra : root.find("additional_special_tokens"));
    extra_.insert(extra_.end(), of_map.begin(), of_map.end());
    if (own_.size() == before) add_list(root.find("model_specific_special_tokens"));
    if (extra_.empty()) add_list(additional_);
  }

  const std::set<std::string>& mentioned() const { return mentioned_; }

  // As added_tokens.json asks: a model's own do not count.
  bool has(const std::string& content) const {
    const auto is_it = [&](const auto& entry) { return entry.second.content == content; };
    return std::any_of(named_.begin(), named_.end(), is_it) ||
           std::any_of(extra_.begin(), extra_.end(),
                       [&](const AddedToken& token) { return token.content == content; });
  }

  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> contents;
    for (const auto& [name, token] : named_) contents[name] = token.content;
    return contents;
  }

  std::vector<TokenizerConfig::NamedToken> list() const {
    std::vector<TokenizerConfig::NamedToken> list;
    for (const char* name : kNamed) {
      if (const auto found = named_.find(name); found != named_.end()) {
        list.push_back({name, found->second});
      }
    }
    list.insert(list.end(), own_.begin(), own_.end());
    for (const AddedToken& token : extra_) list.push_back({"", token});
    return list;
  }

 private:
  void read_named(const JsonField& root) {
    for (const char* name : kNamed) {
      if (!root.value().contains(name) || !mentioned_.insert(name).second) continue;
      const auto field = root.find(name);
      if (!field) continue;
      AddedToken token = read_token(*field);
      if (!token.content.empty()) named_.emplace(name, std::move(token));
    }
  }

  // Those that stand as objects come first, as in transformers.
  enum class Form { object, text };

  void read_own(const JsonField& root, const ordered_json& order, Form form) {
    for (const auto& [key, value] : order.items()) {
      if (!key.ends_with("_token") || rank(key) < std::size(kNamed)) continue;
      const bool is_object = value.is_object() && value.contains("__type");
      if (form == Form::object ? is_object : value.is_string()) add_own(key, *root.find(key));
    }
  }

  void add_own(const std::string& name, const JsonField& field) {
    AddedToken token = read_token(field, false);
    token.special = true;
    if (token.content.empty() || !mentioned_.insert(name).second) return;
    own_.push_back({name, std::move(token)});
  }

  void add_list(const std::optional<JsonField>& list) {
    if (!list) return;
    if (list->value().is_object()) {
      for (const auto& [key, member] : list->members()) add_own(key, member);
      return;
    }
    for (const JsonField& element : list->elements()) {
      AddedToken token = read_token(element, false);
      if (!token.content.empty()) extra_.push_back(std::move(token));
    }
  }

  std::set<std::string> mentioned_;
  std::map<std::string, AddedToken> named_;
  std::vector<TokenizerConfig::NamedToken> own_;
  std::vector<AddedToken> extra_;
  std::optional<JsonField> additional_;
};

// What changes the ids in ways that graft does not have.
void refuse_unsupported(const JsonField& root) {
  for (const char* key : {"split_special_tokens", "fix_mistral_regex"}) {
    if (auto field = root.find(key); field && field->boolean()) {
      fail("{}: true is not supported", field->where());
    }
  }
  const auto files = root.find("fast_tokenizer_files");
  if (!files) return;
  for (const JsonField& file : files->elements()) {
    if (file.string() == "tokenizer.json") continue;
    fail("{}: a tokenizer.json for each version of transformers is not supported", file.where());
  }
}

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

void TokenizerConfig::name_unless_mentioned(const std::string& name, const std::string& content) {
  if (!name.empty() && !mentioned.insert(name).second) return;
  if (rank(name) < std::size(kNamed)) special_tokens[name] = content;
  const auto at = std::find_if(named.begin(), named.end(), [&](const NamedToken& other) {
    return rank(other.name) >= rank(name);
  });
  named.insert(at, {name, {.content = content, .special = true}});
}

TokenizerConfig read_tokenizer_config(const TokenizerConfigFiles& files) {
  const auto& [config, special_map, added_tokens, decoder_is_converted] = files;
  const auto parse = [](const NamedText& file) {
    return file.text.empty() ? ordered_json::object()
                             : io::parse_ordered_json(file.text, file.name);
  };
  const ordered_json config_order = parse(config);
  const json config_json = config_order;
  JsonField root(config_json, config.name);
  TokenizerConfig result;
  NamedTokens named;
  const auto decoder = root.find("added_tokens_decoder");
  if (decoder) result.added = read_decoder(*decoder);
  const bool others_count = !decoder || decoder_is_converted;
  const ordered_json map_order = others_count ? parse(special_map) : ordered_json::object();
  const json map_json = map_order;
  named.read_map(JsonField(map_json, special_map.name), map_order);
  named.read_config(root, config_order);
  if (others_count && !added_tokens.text.empty()) {
    json added_json = io::parse_json(added_tokens.text, added_tokens.name);
    add_by_id(JsonField(added_json, added_tokens.name), named, result.added);
  }
  refuse_unsupported(root);
  result.special_tokens = named.contents();
  result.mentioned = named.mentioned();
  result.lists_added = decoder && !decoder_is_converted;
  result.named = named.list();
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
