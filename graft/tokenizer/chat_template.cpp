#include "graft/tokenizer/chat_template.h"

#include <algorithm>

#include <ctime>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/io/json.h"
#include "graft/tokenizer/chat_template_sources.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

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

std::string today() {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{}-{}", local.tm_year, local.tm_yday);
}

// The names that a message's reasoning goes by; the first is the one that most templates read.
constexpr const char* kReasoning[] = {"reasoning_content", "thinking", "reasoning"};

constexpr int kInMessage = 2;  // levels around a message's members

jinja::Value normalized(const ordered_json& message) {
  if (!message.is_object()) return jinja::value_of(message, kInMessage - 1);
  jinja::Dict result;
  jinja::Value reasoning;
  for (const char* key : kReasoning) {
    const auto found = reasoning.is_none() ? message.find(key) : message.end();
    if (found != message.end()) reasoning = jinja::value_of(*found, kInMessage);
  }
  if (!reasoning.is_none()) result.set("thinking", reasoning);
  for (const auto& [key, value] : message.items()) {
    if (!value.is_null()) {
      result.set(unicode::replace_invalid(key), jinja::value_of(value, kInMessage));
    }
  }
  if (!reasoning.is_none()) result.set("reasoning_content", reasoning);
  return result;
}

jinja::Value normalized(const ordered_json& list, size_t count) {
  jinja::List messages;
  messages.reserve(count);
  for (size_t k = 0; k < count; ++k) messages.push_back(normalized(list[k]));
  return messages;
}

void set(jinja::Variables& variables, std::string_view name, jinja::Value value) {
  for (auto& [known, its] : variables) {
    if (known != name) continue;
    its = std::move(value);
    return;
  }
  variables.emplace_back(name, std::move(value));
}

}  // namespace

std::optional<ChatTemplate> ChatTemplate::load(const fs::path& folder, Tokens special_tokens) {
  const ChatTemplateSources sources = read_chat_template_sources(folder);
  if (sources.empty()) return {};
  std::map<std::string, Named> templates;
  for (const auto& [name, source] : sources) {
    templates.emplace(name, Named{source.where, source.text, parse(source.text, source.where)});
  }
  return ChatTemplate(std::move(templates), std::move(special_tokens));
}

ChatTemplate::ChatTemplate(std::map<std::string, Named> templates, Tokens special_tokens)
    : templates_(std::move(templates)), special_tokens_(std::move(special_tokens)) {}

ChatTemplate::ChatTemplate(std::string_view source, Tokens special_tokens, std::string name)
    : special_tokens_(std::move(special_tokens)) {
  jinja::Template parsed = parse(source, name);
  templates_.emplace(kDefaultTemplate,
                     Named{std::move(name), std::string(source), std::move(parsed)});
}

const ChatTemplate::Named& ChatTemplate::chosen(bool has_tools) const {
  auto found = has_tools ? templates_.find("tool_use") : templates_.end();
  if (found == templates_.end()) found = templates_.find(kDefaultTemplate);
  if (found != templates_.end()) return found->second;
  std::string names;
  for (const auto& [name, its] : templates_) names += (names.empty() ? "" : ", ") + name;
  fail("{}: of several chat templates none is named 'default': {}",
       templates_.begin()->second.where, names);
}

bool ChatTemplate::asks_for_the_day() const {
  return std::any_of(templates_.begin(), templates_.end(), [](const auto& named) {
    return named.second.text.find("strftime_now") != std::string::npos;
  });
}

std::string ChatTemplate::fingerprint() const {
  uint64_t hash = kFnv1aStart;
  const auto add = [&](const std::string& text) {
    hash = fnv1a(text, fnv1a(std::to_string(text.size()) + ":", hash));
  };
  for (const auto& [name, its] : templates_) {
    add(name);
    add(its.text);
    if (its.text.find("strftime_now") != std::string::npos) add(today());
  }
  for (const auto& [token, content] : special_tokens_) {
    add(token);
    add(content);
  }
  return fmt::format("{:016x}", hash);
}

std::string ChatTemplate::apply(const std::vector<ChatMessage>& messages, bool open) const {
  ordered_json list = ordered_json::array();
  for (const ChatMessage& message : messages) {
    list.push_back({{"role", message.role}, {"content", message.content}});
  }
  return apply({{"messages", std::move(list)}, {"add_generation_prompt", open}});
}

template <class Run>
auto ChatTemplate::with_variables(const ordered_json& variables, const Messages* messages,
                                  Run&& run) const {
  const auto tools = variables.find("tools");
  const Named& its = chosen(tools != variables.end() && !tools->is_null());
  try {
    jinja::Variables all = {
        {"tools", {}}, {"documents", {}}, {"add_generation_prompt", jinja::Value(false)}};
    for (const auto& [token, content] : special_tokens_) {
      set(all, token, unicode::replace_invalid(content));
    }
    for (const auto& [key, value] : variables.items()) {
      const bool is_messages = key == "messages";
      if (messages != nullptr && (is_messages || key == "add_generation_prompt")) continue;
      const bool is_list = is_messages && value.is_array();
      set(all, key, is_list ? normalized(value, value.size()) : jinja::value_of(value));
    }
    if (messages != nullptr) {
      set(all, "messages", normalized(messages->list, messages->count));
      set(all, "add_generation_prompt", messages->open);
    }
    return run(its.source, std::move(all));
  } catch (const jinja::TemplateError& error) {
    fail("{}: {}", its.where, error.what());
  }
}

std::string ChatTemplate::apply(const ordered_json& variables) const {
  return with_variables(variables, nullptr,
                        [](const jinja::Template& source, jinja::Variables all) {
                          return source.render(std::move(all));
                        });
}

std::string ChatTemplate::apply(const ordered_json& variables, const Messages& messages) const {
  return with_variables(variables, &messages,
                        [](const jinja::Template& source, jinja::Variables all) {
                          return source.render(std::move(all));
                        });
}

jinja::Rendering ChatTemplate::render(const ordered_json& variables) const {
  return with_variables(variables, nullptr,
                        [](const jinja::Template& source, jinja::Variables all) {
                          return source.render_with_spans(std::move(all), "messages");
                        });
}

jinja::Rendering ChatTemplate::render(const ordered_json& variables,
                                      const Messages& messages) const {
  return with_variables(variables, &messages,
                        [](const jinja::Template& source, jinja::Variables all) {
                          return source.render_with_spans(std::move(all), "messages");
                        });
}

}  // namespace graft::tokenizer
