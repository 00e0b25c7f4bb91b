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
  /// The template of a model folder: chat_template.jinja, else "chat_template" of
  /// tokenizer_config.json (the one named "default" if there are several); nothing if there is
  /// none. Throws Error, which names the file and the line, if it cannot be read.
  static std::optional<ChatTemplate> load(const fs::path& folder);

  /// `special_tokens`: what the template sees as bos_token, eos_token and so on. `name` is the name
  /// of the source in errors.
  ChatTemplate(std::string_view source, std::map<std::string, std::string> special_tokens,
               std::string name);

  /// The text of a chat. With `open` it ends where the model's answer begins. Throws Error if the
  /// template refuses the messages, as some do a system message.
  std::string apply(const std::vector<ChatMessage>& messages, bool open) const;

  /// The same with all variables that a template may see: `variables` has "messages", and may have
  /// "tools", "documents", "add_generation_prompt" and names specific to a model's template.
  std::string apply(const nlohmann::ordered_json& variables) const;

 private:
  jinja::Template template_;
  std::map<std::string, std::string> special_tokens_;
  std::string name_;
};

}  // namespace graft::tokenizer
