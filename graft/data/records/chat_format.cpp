#include "graft/data/records/formats.h"
#include "graft/data/records/messages.h"

namespace graft::data {
namespace {

std::string messages_key(const RowKeys& keys) { return keys.messages.value_or("messages"); }

bool is_chat(const ordered_json& row, const RowKeys& keys) {
  return row.contains(messages_key(keys));
}

RecordContent read_chat_record(ordered_json& row, const RowKeys& keys, const std::string& where) {
  return read_chat(row, messages_key(keys), where);
}

}  // namespace

const RecordFormat kChatFormat = {"chat", "messages", is_chat, read_chat_record};

}  // namespace graft::data
