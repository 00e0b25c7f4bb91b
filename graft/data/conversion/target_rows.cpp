#include "graft/data/conversion/target_rows.h"

#include <map>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

std::string content_of(const ordered_json& message, const std::string& where) {
  for (const auto& [key, value] : message.items()) {
    if (key != "role" && key != "content" && !value.is_null()) {
      fail("{}: a message has {}, for which there is no place", where, io::in_quotes(key));
    }
  }
  const auto content = message.find("content");
  if (content == message.end() || !content->is_string()) {
    fail("{}: a message's content is no string", where);
  }
  return content->get<std::string>();
}

ordered_json message_of(const char* role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

bool is_role(const ordered_json& message, const char* role) { return message["role"] == role; }

// The messages of what is a chat, or can be one; messages that are not trained say so, as axolotl
// has it.
ordered_json messages_of(const RecordContent& content, const std::string& where) {
  if (const auto* pair = std::get_if<PairRecord>(&content)) {
    return {message_of("user", pair->prompt), message_of("assistant", pair->completion)};
  }
  const auto* chat = std::get_if<ChatRecord>(&content);
  if (chat == nullptr) {
    fail("{}: {} is no chat", where,
         std::holds_alternative<TextRecord>(content)         ? "a text"
         : std::holds_alternative<PreferenceRecord>(content) ? "a preference"
                                                             : "an answer with a label");
  }
  ordered_json messages = chat->variables["messages"];
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool said = i < chat->trained.size() && !chat->trained[i];
    const bool of_prompt = i < chat->prompt_messages && is_role(messages[i], "assistant");
    if (said || of_prompt) messages[i]["train"] = false;
  }
  return messages;
}

// The texts of a chat: what the system says, and turns of a question and its answer.
struct Turns {
  std::string system;
  std::vector<std::pair<std::string, std::string>> turns;
};

Turns turns_of(const RecordContent& content, const std::string& where) {
  const ordered_json messages = messages_of(content, where);
  Turns result;
  size_t i = 0;
  if (!messages.empty() && is_role(messages[0], "system")) {
    result.system = content_of(messages[0], where);
    i = 1;
  }
  for (; i < messages.size(); i += 2) {
    const bool is_turn = i + 1 < messages.size() && is_role(messages[i], "user") &&
                         is_role(messages[i + 1], "assistant");
    if (!is_turn) {
      fail("{}: message {} does not begin a turn of a user and an assistant", where, i + 1);
    }
    result.turns.emplace_back(content_of(messages[i], where), content_of(messages[i + 1], where));
  }
  if (result.turns.empty()) fail("{}: a chat without a turn", where);
  return result;
}

ordered_json answer_messages(const AnswerRecord& answer, bool prompt) {
  const ChatRecord& chat = std::get<ChatRecord>(answer);
  ordered_json part = ordered_json::array();
  const ordered_json& messages = chat.variables["messages"];
  for (size_t i = 0; i < messages.size(); ++i) {
    if ((i < chat.prompt_messages) == prompt) part.push_back(messages[i]);
  }
  return part;
}

}  // namespace

ordered_json pair_row(const RecordContent& content, const std::string& where) {
  if (const auto* pair = std::get_if<PairRecord>(&content)) {
    return {{"prompt", pair->prompt}, {"completion", pair->completion}};
  }
  const Turns chat = turns_of(content, where);
  if (!chat.system.empty()) fail("{}: a pair has no place for what the system says", where);
  if (chat.turns.size() > 1) {
    fail("{}: a pair has no place for {} turns", where, chat.turns.size());
  }
  return {{"prompt", chat.turns[0].first}, {"completion", chat.turns[0].second}};
}

ordered_json chat_row(const RecordContent& content, const std::string& where) {
  return {{"messages", messages_of(content, where)}};
}

ordered_json sharegpt_row(const RecordContent& content, const std::string& where) {
  static const std::map<std::string, const char*> names = {
      {"system", "system"}, {"user", "human"}, {"assistant", "gpt"}, {"tool", "tool"}};
  ordered_json conversations = ordered_json::array();
  for (ordered_json& message : messages_of(content, where)) {
    const auto role = message["role"].get<std::string>();
    const auto name = names.find(role);
    if (name == names.end()) {
      fail("{}: ShareGPT has no name for the role {}", where, io::in_quotes(role));
    }
    const bool trained = message.value("train", true);
    message.erase("train");
    ordered_json turn = {{"from", name->second}, {"value", content_of(message, where)}};
    if (!trained) turn["train"] = false;
    conversations.push_back(std::move(turn));
  }
  return {{"conversations", std::move(conversations)}};
}

ordered_json instruction_row(const RecordContent& content, const std::string& where) {
  const Turns chat = turns_of(content, where);
  ordered_json row = {{"instruction", chat.turns.back().first},
                      {"input", ""},
                      {"output", chat.turns.back().second}};
  if (!chat.system.empty()) row["system"] = chat.system;
  for (size_t i = 0; i + 1 < chat.turns.size(); ++i) {
    row["history"].push_back({chat.turns[i].first, chat.turns[i].second});
  }
  return row;
}

ordered_json preference_row(const RecordContent& content, const std::string& where) {
  const auto* preference = std::get_if<PreferenceRecord>(&content);
  if (preference == nullptr) fail("{}: it has no two answers to prefer one of", where);
  if (const auto* chosen = std::get_if<PairRecord>(&preference->chosen)) {
    return {{"prompt", chosen->prompt},
            {"chosen", chosen->completion},
            {"rejected", std::get<PairRecord>(preference->rejected).completion}};
  }
  return {{"prompt", answer_messages(preference->chosen, true)},
          {"chosen", answer_messages(preference->chosen, false)},
          {"rejected", answer_messages(preference->rejected, false)}};
}

}  // namespace graft::data
