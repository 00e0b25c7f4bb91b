#include "graft/data/records/formats.h"
#include "graft/data/records/messages.h"

// ShareGPT's chats: conversations: [{from, value}], with the system's words in there or beside it.
namespace graft::data {
namespace {

constexpr const char* kConversations = "conversations";

bool is_sharegpt(const ordered_json& row, const RowKeys&) { return row.contains(kConversations); }

RecordContent read_sharegpt(ordered_json& row, const RowKeys&, const std::string& where) {
  ChatRecord chat = read_chat(row, kConversations, where);
  const std::string system = optional_text_field(row, "system", where);
  ordered_json& messages = chat.variables["messages"];
  if (system.empty() || messages[0]["role"] == "system") return chat;
  messages.insert(messages.begin(), ordered_json{{"role", "system"}, {"content", system}});
  chat.trained.insert(chat.trained.begin(), true);
  return chat;
}

}  // namespace

const RecordFormat kShareGptFormat = {"ShareGPT chat", "conversations", is_sharegpt, read_sharegpt};

}  // namespace graft::data
