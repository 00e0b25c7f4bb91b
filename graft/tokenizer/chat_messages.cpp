#include "graft/tokenizer/chat_messages.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/chat_probe.h"

namespace graft::tokenizer {
namespace {

bool contains(const std::string& text, std::string_view wanted) {
  return text.find(wanted) != std::string::npos;
}

ordered_json part(std::string text) { return {{"type", "text"}, {"text", std::move(text)}}; }

// The text of a list of texts.
std::string joined(const ordered_json& parts) {
  std::string text;
  for (const ordered_json& one : parts) text += one.at("text").get_ref<const std::string&>();
  return text;
}

void check_parts(const ordered_json& parts, size_t k, const std::string& name) {
  for (const ordered_json& one : parts) {
    const auto type = one.is_object() ? one.find("type") : one.end();
    if (type == one.end() || !type->is_string()) {
      fail(
          "{}: messages[{}]: a part of the content has no type; expected {{\"type\": \"text\", "
          "\"text\": ...}}",
          name, k);
    }
    if (*type != "text") {
      fail("{}: messages[{}]: the content has a part of type '{}'; only text can be trained on",
           name, k, type->get_ref<const std::string&>());
    }
    const auto text = one.find("text");
    if (text == one.end() || !text->is_string()) {
      fail("{}: messages[{}]: a part of type 'text' has no text", name, k);
    }
  }
}

// The object that a text holds as JSON, or nothing.
std::optional<ordered_json> object_in(const ordered_json& text) {
  try {
    auto parsed = io::parse_ordered_json(text.get_ref<const std::string&>(), "arguments");
    if (parsed.is_object()) return parsed;
  } catch (const Error&) {  // a text of another kind, which is the caller's to mean
  }
  return {};
}

// As Python writes it.
std::string json_text(const ordered_json& value) {
  static const jinja::Template kWriter("{{ value | tojson }}");
  return kWriter.render({{"value", value}});
}

// The chat in which a message of this role is tried. `wrapped`: whether the content of the message
// under trial, and of the others, is a list of parts.
ordered_json chat_with(const std::string& role, ordered_json content, bool others_wrapped) {
  const auto other = [&](const std::string& text) -> ordered_json {
    return others_wrapped ? ordered_json::array({part(text)}) : ordered_json(text);
  };
  ordered_json messages = ordered_json::array();
  if (role == "system") {
    messages.push_back(probe::message("system", std::move(content)));
    messages.push_back(probe::message("user", other("u")));
  } else if (role == "user") {
    messages.push_back(probe::message("user", std::move(content)));
  } else if (role == "assistant") {
    messages.push_back(probe::message("user", other("u")));
    messages.push_back(probe::message("assistant", std::move(content)));
  } else {
    messages.push_back(probe::message("user", other("u")));
    messages.push_back(probe::call({{"key", "value"}}, other("")));
    messages.push_back(probe::reply(std::move(content)));
  }
  return messages;
}

}  // namespace

MessageForms::MessageForms(const ChatTemplate& chat, bool has_tools)
    : arguments_(tried_arguments(chat, has_tools)) {
  for (const char* role : {"system", "user", "assistant", "tool"}) {
    contents_[role] = tried_content(chat, role, has_tools);
  }
}

MessageForms::Content MessageForms::tried_content(const ChatTemplate& chat, const std::string& role,
                                                  bool has_tools) const {
  const std::string one = probe::word("a"), two = probe::word("b");
  // Whether the words come out; a list's notation has them behind its key.
  const auto takes = [&](const ordered_json& content, std::initializer_list<std::string> words) {
    for (const bool others_wrapped : {false, true}) {
      const auto text =
          probe::text(chat, probe::variables(chat_with(role, content, others_wrapped), has_tools));
      if (!text) continue;
      bool all = true;
      for (const std::string& word : words) {
        all = all && contains(*text, word) && !contains(*text, "'text': '" + word) &&
              !contains(*text, "\"text\": \"" + word);
      }
      if (all) return true;
    }
    return false;
  };
  const bool text = takes(one, {one});
  const bool parts = takes(ordered_json::array({part(one), part(two)}), {one, two});
  if (text) return parts ? Content::as_is : Content::text;
  if (parts) return Content::parts;
  return takes(ordered_json::array({part(one)}), {one}) ? Content::one_part : Content::as_is;
}

MessageForms::Arguments MessageForms::tried_arguments(const ChatTemplate& chat,
                                                      bool has_tools) const {
  const std::string value = probe::word("v");
  const ordered_json object = {{"key", value}};
  const auto takes = [&](const ordered_json& arguments, std::string_view not_with) {
    for (const bool others_wrapped : {false, true}) {
      ordered_json messages = chat_with("tool", "", others_wrapped);
      messages[1] = probe::call(arguments, messages[1]["content"]);
      const auto text = probe::text(chat, probe::variables(messages, has_tools));
      if (text && contains(*text, value) && !contains(*text, not_with)) return true;
    }
    return false;
  };
  const bool as_object = takes(object, "'key': '");
  const bool as_text = takes(json_text(object), "\\\"key\\\"");
  if (as_object == as_text) return Arguments::as_is;
  return as_object ? Arguments::object : Arguments::text;
}

MessageForms::Content MessageForms::content_of(const std::string& role) const {
  const auto found = contents_.find(role);
  return found == contents_.end() ? contents_.at("user") : found->second;
}

MessageForms::Content MessageForms::content_of(const ordered_json& message) const {
  const auto role = message.find("role");
  const bool named = role != message.end() && role->is_string();
  return content_of(named ? role->get_ref<const std::string&>() : std::string("user"));
}

bool MessageForms::fit(const ordered_json& messages) const {
  return std::all_of(messages.begin(), messages.end(), [&](const ordered_json& message) {
    const auto content = message.find("content");
    if (content != message.end() && content->is_array()) return false;
    const bool is_text = content != message.end() && content->is_string();
    const Content form = content_of(message);
    if (is_text && (form == Content::parts || form == Content::one_part)) return false;
    return arguments_ == Arguments::as_is || !message.contains("tool_calls");
  });
}

ordered_json MessageForms::applied(const ordered_json& messages, const std::string& name) const {
  ordered_json result = messages;
  for (size_t k = 0; k < result.size(); ++k) {
    ordered_json& message = result[k];
    const Content form = content_of(message);
    if (const auto content = message.find("content"); content != message.end()) {
      const bool list = content->is_array();
      if (list) check_parts(*content, k, name);
      if (list && form == Content::text) {
        *content = joined(*content);
      } else if (list && form == Content::one_part) {
        *content = ordered_json::array({part(joined(*content))});
      } else if (content->is_string() && (form == Content::parts || form == Content::one_part)) {
        *content = ordered_json::array({part(content->get<std::string>())});
      }
    }
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array() || arguments_ == Arguments::as_is) continue;
    for (ordered_json& call : *calls) {
      if (!call.is_object()) continue;
      const auto function = call.find("function");
      ordered_json& holder = function != call.end() && function->is_object() ? *function : call;
      const auto arguments = holder.find("arguments");
      if (arguments == holder.end()) continue;
      if (arguments_ == Arguments::object && arguments->is_string()) {
        if (auto parsed = object_in(*arguments)) *arguments = std::move(*parsed);
      } else if (arguments_ == Arguments::text && arguments->is_object()) {
        *arguments = json_text(*arguments);
      }
    }
  }
  return result;
}

}  // namespace graft::tokenizer
