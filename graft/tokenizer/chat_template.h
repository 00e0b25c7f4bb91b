#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/jinja/template.h"

namespace graft::tokenizer {

struct ChatMessage {
  std::string role;  ///< "system", "user", "assistant"
  std::string content;
};

/// Turns the messages of a chat into the one text that a model continues, with the Jinja template
/// that the model's makers ship, like transformers' apply_chat_template.
class ChatTemplate {
 public:
  using Tokens = std::map<std::string, std::string>;

  /// The template of a model folder: chat_template.jinja with those of additional_chat_templates,
  /// else "chat_template" of tokenizer_config.json, which may be one, a list or an object of named
  /// ones; nothing if there is none. `special_tokens`: what the template sees as bos_token,
  /// eos_token and so on. Throws Error, which names the file and the line, if it cannot be read.
  static std::optional<ChatTemplate> load(const fs::path& folder, Tokens special_tokens);

  /// `name` is the name of the source in errors.
  ChatTemplate(std::string_view source, Tokens special_tokens, std::string name);

  /// The text of a chat. With `open` it ends where the model's answer begins. Throws Error if the
  /// template refuses the messages, as some do a system message.
  std::string apply(const std::vector<ChatMessage>& messages, bool open) const;

  /// The same with all variables that a template may see: `variables` has "messages", and may have
  /// "tools", "documents", "add_generation_prompt" and names specific to a model's template. Of
  /// several templates the one named "tool_use" is taken where there are tools, else "default".
  /// As in transformers, a message's null members are left out, and its reasoning is there under
  /// each of its names.
  std::string apply(const nlohmann::ordered_json& variables) const;

  /// The same text, with what {% generation %} blocks and loops over the messages have written:
  /// `of_items` is by message.
  jinja::Rendering render(const nlohmann::ordered_json& variables) const;

  /// The messages of a chat, to be written in the place of those that variables have. They must
  /// outlive it.
  struct Messages {
    const nlohmann::ordered_json& list;
    size_t count;  ///< the first ones of them
    bool open;     ///< add_generation_prompt
  };
  std::string apply(const nlohmann::ordered_json& variables, const Messages& messages) const;
  jinja::Rendering render(const nlohmann::ordered_json& variables, const Messages& messages) const;

  /// The template that apply() takes where there are tools, or none: its file in errors, and
  /// whether it has {% generation %} blocks.
  const std::string& name(bool has_tools) const { return chosen(has_tools).where; }
  bool has_generation(bool has_tools) const { return chosen(has_tools).source.has_generation(); }

  /// Whether one of the templates asks for the day (strftime_now).
  bool asks_for_the_day() const;

  /// 16 hex digits that tell what it writes from what others do: a hash over the templates, what
  /// they see of tokens, and the day, where one of them asks for it (strftime_now).
  std::string fingerprint() const;

 private:
  struct Named {
    std::string where;  ///< its file, in errors
    std::string text;
    jinja::Template source;
  };

  ChatTemplate(std::map<std::string, Named> templates, Tokens special_tokens);
  const Named& chosen(bool has_tools) const;
  /// Runs `run` with the template and all that it sees; `messages` may be null.
  template <class Run>
  auto with_variables(const nlohmann::ordered_json& variables, const Messages* messages,
                      Run&& run) const;

  std::map<std::string, Named> templates_;
  Tokens special_tokens_;
};

}  // namespace graft::tokenizer
