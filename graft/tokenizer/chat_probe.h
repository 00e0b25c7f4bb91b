#pragma once

#include <optional>
#include <string>

#include "graft/base/error.h"
#include "graft/base/json_types.h"
#include "graft/tokenizer/chat_template.h"

// Small chats by which it is found out what a template makes of them.
namespace graft::tokenizer::probe {

/// A word that no template writes by itself, and that none changes: it is not at all white space,
/// and capital at its beginning alone.
inline std::string word(const std::string& name) { return "Zq" + name + "7xk"; }

inline ordered_json message(const std::string& role, ordered_json content) {
  return {{"role", role}, {"content", std::move(content)}};
}

/// An assistant's call of a tool.
inline ordered_json call(ordered_json arguments, ordered_json content = "") {
  ordered_json result = message("assistant", std::move(content));
  const ordered_json function = {{"name", "probe"}, {"arguments", std::move(arguments)}};
  result["tool_calls"].push_back(
      {{"id", "call12345"}, {"type", "function"}, {"function", function}});
  return result;
}

inline ordered_json reply(ordered_json content) {
  ordered_json result = message("tool", std::move(content));
  result["name"] = "probe";
  result["tool_call_id"] = "call12345";
  return result;
}

/// Variables of a template with these messages.
inline ordered_json variables(ordered_json messages, bool has_tools, bool open = false) {
  ordered_json result = {{"messages", std::move(messages)}, {"add_generation_prompt", open}};
  if (has_tools) {
    const ordered_json key = {{"type", "string"}, {"description", "A key."}};
    ordered_json parameters = {{"type", "object"}, {"properties", {{"key", key}}}};
    parameters["required"].push_back("key");
    const ordered_json function = {
        {"name", "probe"}, {"description", "Probes."}, {"parameters", parameters}};
    result["tools"].push_back({{"type", "function"}, {"function", function}});
  }
  return result;
}

/// The text, or nothing where the template refuses.
inline std::optional<std::string> text(const ChatTemplate& chat, const ordered_json& variables) {
  try {
    return chat.apply(variables);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace graft::tokenizer::probe
