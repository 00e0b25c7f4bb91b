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

/// What turns the messages of a chat into the one text that a model continues: the Jinja template
/// that the model's makers ship. As transformers' apply_chat_template.
class ChatTemplate {
 public:
  /// The template of a model folder: chat_template.jinja, else "chat_template" of
  /// tokenizer_config.json (of several the one named "default"); nothing if it has none. Throws
  /// Error, which names the file and the line, if it cannot be read.
  static std::optional<ChatTemplate> load(const fs::path& folder);

  /// `special_tokens`: what the template sees as bos_token, eos_token and so on. `name` is what
  /// errors call the source.
  ChatTemplate(std::string_view source, std::map<std::string, std::string> special_tokens,
               std::string name);

  /// The text of a chat. With `open` it ends where the model's answer begins. Throws Error if the
  /// template refuses the messages, as some do a system message.
  std::string apply(const std::vector<ChatMessage>& messages, bool open) const;

  /// The same with all that a template may see: `variables` has "messages", and may have "tools",
  /// "documents", "add_generation_prompt" and names that a model's template knows of its own.
  std::string apply(const nlohmann::ordered_json& variables) const;

 private:
  jinja::Template template_;
  std::map<std::string, std::string> special_tokens_;
  std::string name_;
};

}  // namespace graft::tokenizer
