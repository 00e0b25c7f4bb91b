#include "graft/data/records/messages.h"

#include <map>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

// ShareGPT's names of roles, as its users have extended them.
const std::map<std::string, const char*>& sharegpt_roles() {
  static const std::map<std::string, const char*> all = {{"human", "user"},
                                                         {"user", "user"},
                                                         {"gpt", "assistant"},
                                                         {"chatgpt", "assistant"},
                                                         {"bing", "assistant"},
                                                         {"bard", "assistant"},
                                                         {"assistant", "assistant"},
                                                         {"model", "assistant"},
                                                         {"system", "system"},
                                                         {"tool", "tool"},
                                                         {"function", "tool"},
                                                         {"observation", "tool"},
                                                         {"function_call", "assistant"}};
  return all;
}

// {from, value} as {role, content}; its other members stay.
ordered_json from_sharegpt(const ordered_json& message, const std::string& where) {
  const ordered_json& from = message["from"];
  if (!from.is_string()) fail("{}: \"from\" is not a string but {}", where, from.type_name());
  const auto role = sharegpt_roles().find(from.get<std::string>());
  if (role == sharegpt_roles().end()) {
    fail("{}: from {}: known are human, gpt, system, tool and their other names", where,
         io::in_quotes(from.get<std::string>()));
  }
  const auto value = message.find("value");
  if (value == message.end()) fail("{}: has \"from\" but no \"value\"", where);
  ordered_json result = {{"role", role->second}, {"content", *value}};
  for (const auto& [key, member] : message.items()) {
    if (key != "from" && key != "value") result[key] = member;
  }
  return result;
}

void check_message(const ordered_json& message, const std::string& where) {
  const auto role = message.find("role");
  if (role == message.end()) fail("{}: has no \"role\"", where);
  if (!role->is_string()) fail("{}: \"role\" is not a string but {}", where, role->type_name());
  const auto content = message.find("content");
  if (content == message.end() || content->is_null()) {
    // Beside a call of a tool, say.
    const bool has_more = message.contains("tool_calls") || message.contains("reasoning_content") ||
                          message.contains("thinking") || message.contains("reasoning");
    if (!has_more) fail("{}: has no \"content\"", where);
    return;
  }
  if (!content->is_string() && !content->is_array()) {
    fail("{}: \"content\" is neither a string nor a list of parts but {}", where,
         content->type_name());
  }
}

// Whether a message is trained, which is no matter of the template: axolotl's `train`, OpenAI's
// `weight`.
bool take_trained(ordered_json& message, const std::string& where) {
  bool trained = true;
  if (const auto train = message.find("train"); train != message.end()) {
    if (!train->is_boolean() && !train->is_null()) {
      fail("{}: \"train\" is neither true nor false but {}", where, train->dump());
    }
    trained = train->is_null() || train->get<bool>();
    message.erase("train");
  }
  if (const auto weight = message.find("weight"); weight != message.end()) {
    if (*weight != 0 && *weight != 1 && !weight->is_null()) {
      fail("{}: \"weight\" is neither 0 nor 1 but {}", where, weight->dump());
    }
    trained = trained && *weight != 0;
    message.erase("weight");
  }
  return trained;
}

const ordered_json& field(const ordered_json& row, const std::string& key,
                          const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end()) fail("{}: no \"{}\" among its keys", where, key);
  return *found;
}

// The JSON that a string holds; null if that is blank.
ordered_json structured(const ordered_json& value, const std::string& key,
                        const std::string& where) {
  const std::string& text = value.get_ref<const std::string&>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return nullptr;
  return io::parse_ordered_json(text, fmt::format("{}: {}", where, key));
}

const ordered_json& text_value(const ordered_json& row, const std::string& key,
                               const std::string& where) {
  const ordered_json& value = field(row, key, where);
  if (!value.is_string()) fail("{}: \"{}\" is not a string but {}", where, key, value.type_name());
  return value;
}

}  // namespace

std::string text_field(const ordered_json& row, const std::string& key, const std::string& where) {
  return text_value(row, key, where).get<std::string>();
}

std::string taken_text_field(ordered_json& row, const std::string& key, const std::string& where) {
  text_value(row, key, where);
  return std::move(row[key].get_ref<std::string&>());
}

std::string optional_text_field(const ordered_json& row, const std::string& key,
                                const std::string& where) {
  const auto found = row.find(key);
  return found == row.end() || found->is_null() ? "" : text_field(row, key, where);
}

ordered_json structured_field(const ordered_json& row, const std::string& key,
                              const std::string& where) {
  const ordered_json& value = field(row, key, where);
  return value.is_string() ? structured(value, key, where) : value;
}

ordered_json read_messages(ordered_json value, const std::string& key, const std::string& where,
                           std::vector<bool>& trained) {
  if (value.is_string()) value = structured(value, key, where);
  if (!value.is_array()) {
    fail("{}: \"{}\" is not a list of messages but {}", where, key, value.type_name());
  }
  for (size_t i = 0; i < value.size(); ++i) {
    const std::string its = fmt::format("{}: {}[{}]", where, key, i);
    ordered_json& message = value[i];
    if (!message.is_object()) fail("{}: a message is an object, not {}", its, message.type_name());
    if (message.contains("from") && !message.contains("role")) {
      message = from_sharegpt(message, its);
    }
    check_message(message, its);
    trained.push_back(take_trained(message, its));
  }
  return value;
}

ordered_json template_variables(const ordered_json& row, const std::string& where) {
  ordered_json variables = ordered_json::object();
  for (const char* key : {"tools", "documents"}) {
    if (!row.contains(key)) continue;
    ordered_json value = structured_field(row, key, where);
    if (value.is_null()) continue;
    if (!value.is_array()) fail("{}: \"{}\" is not a list but {}", where, key, value.type_name());
    variables[key] = std::move(value);
  }
  if (row.contains("chat_template_kwargs")) {
    const ordered_json more = structured_field(row, "chat_template_kwargs", where);
    if (!more.is_null() && !more.is_object()) {
      fail("{}: \"chat_template_kwargs\" is not an object but {}", where, more.type_name());
    }
    if (more.contains("messages")) {
      fail("{}: \"chat_template_kwargs\" has messages of its own", where);
    }
    variables.update(more.is_null() ? ordered_json::object() : more);
  }
  // Some templates write of tools if there is a list at all.
  for (const char* key : {"tools", "documents"}) {
    const auto list = variables.find(key);
    if (list != variables.end() && list->is_array() && list->empty()) variables.erase(key);
  }
  return variables;
}

ChatRecord read_chat(ordered_json& row, const std::string& key, const std::string& where) {
  ChatRecord chat;
  chat.variables = template_variables(row, where);
  field(row, key, where);
  ordered_json messages = read_messages(std::move(row[key]), key, where, chat.trained);
  if (messages.empty()) fail("{}: \"{}\" holds no message", where, key);
  chat.variables["messages"] = std::move(messages);
  return chat;
}

ChatRecord read_chat_pair(const ordered_json& row, const std::string& prompt,
                          const std::string& answer, const std::string& where) {
  ChatRecord chat;
  chat.variables = template_variables(row, where);
  ordered_json messages = read_messages(field(row, prompt, where), prompt, where, chat.trained);
  if (messages.empty()) fail("{}: \"{}\" holds no message", where, prompt);
  chat.prompt_messages = messages.size();
  for (ordered_json& message :
       read_messages(field(row, answer, where), answer, where, chat.trained)) {
    messages.push_back(std::move(message));
  }
  if (messages.size() == chat.prompt_messages) fail("{}: \"{}\" holds no message", where, answer);
  chat.variables["messages"] = std::move(messages);
  return chat;
}

AnswerRecord read_answer(const ordered_json& row, const std::string& prompt,
                         const std::string& answer, const std::string& where) {
  const ordered_json &first = field(row, prompt, where), &second = field(row, answer, where);
  if (first.is_array() || second.is_array()) return read_chat_pair(row, prompt, answer, where);
  return PairRecord{text_field(row, prompt, where), text_field(row, answer, where),
                    template_variables(row, where)};
}

}  // namespace graft::data
