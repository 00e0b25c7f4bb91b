#include "graft/tokenizer/chat_template.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/tokenizer_config.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

constexpr size_t kMostTemplateBytes = size_t{1} << 20;

jinja::Template parse(std::string_view source, const std::string& name) {
  if (source.size() > kMostTemplateBytes)
    fail("{}: larger than {} bytes", name, kMostTemplateBytes);
  const size_t valid = unicode::valid_prefix(source);
  if (valid != source.size()) fail("{}: byte {}: not valid UTF-8", name, valid);
  try {
    return jinja::Template(source);
  } catch (const jinja::TemplateError& error) {
    fail("{}: {}", name, error.what());
  }
}

// "chat_template" of tokenizer_config.json: the template, or a list of {"name", "template"}.
std::optional<std::string> template_of(const JsonField& config) {
  const auto field = config.find("chat_template");
  if (!field) return {};
  if (!field->value().is_array()) return field->string();
  for (const JsonField& named : field->elements()) {
    if (named.at("name").string() == "default") return named.at("template").string();
  }
  return {};
}

}  // namespace

std::optional<ChatTemplate> ChatTemplate::load(const fs::path& folder) {
  const fs::path own = folder / "chat_template.jinja", config = folder / "tokenizer_config.json";
  const fs::path map = folder / "special_tokens_map.json";
  const std::string config_text = fs::exists(config) ? read_text(config) : "{}";
  const std::string map_text = fs::exists(map) ? read_text(map) : "";
  std::string name = own.string();
  std::optional<std::string> source;
  if (fs::exists(own)) {
    source = read_text(own, kMostTemplateBytes);
  } else {
    const json document = io::parse_json(config_text, config.string());
    source = template_of(JsonField(document, config.string()));
    name = config.string() + ": chat_template";
  }
  if (!source) return {};
  TokenizerConfig tokens = read_tokenizer_config(
      {.config = {config_text, config.string()}, .special_map = {map_text, map.string()}});
  return ChatTemplate(*source, std::move(tokens.special_tokens), std::move(name));
}

ChatTemplate::ChatTemplate(std::string_view source,
                           std::map<std::string, std::string> special_tokens, std::string name)
    : template_(parse(source, name)),
      special_tokens_(std::move(special_tokens)),
      name_(std::move(name)) {}

std::string ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool open) const {
  ordered_json list = ordered_json::array();
  for (const ChatMessage& message : messages) {
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  return apply({{"messages", std::move(list)}, {"add_generation_prompt", open}});
}

std::string ChatTemplate::apply(const ordered_json& variables) const {
  ordered_json all = {{"tools", nullptr}, {"documents", nullptr}};
  all["add_generation_prompt"] = false;
  for (const auto& [token, content] : special_tokens_) all[token] = content;
  for (const auto& [key, value] : variables.items()) all[key] = value;
  try {
    return template_.render(all);
  } catch (const jinja::TemplateError& error) {
    fail("{}: {}", name_, error.what());
  }
}

}  // namespace graft::tokenizer
