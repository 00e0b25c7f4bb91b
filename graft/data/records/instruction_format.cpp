#include "graft/base/error.h"
#include "graft/data/records/formats.h"
#include "graft/data/records/messages.h"

// Alpaca's instruction, input and output, with LLaMA-Factory's system and history, as a chat: the
// input follows the instruction in a line of its own.
namespace graft::data {
namespace {

bool is_instruction(const ordered_json& row, const RowKeys&) {
  return row.contains("instruction") && row.contains("output");
}

void add_message(ordered_json& messages, const char* role, std::string content) {
  messages.push_back({{"role", role}, {"content", std::move(content)}});
}

// Earlier turns: a list of [question, answer].
void add_history(ordered_json& messages, const ordered_json& row, const std::string& where) {
  if (!row.contains("history")) return;
  const ordered_json history = structured_field(row, "history", where);
  if (history.is_null()) return;
  if (!history.is_array()) {
    fail("{}: \"history\" is not a list but {}", where, history.type_name());
  }
  for (const ordered_json& turn : history) {
    const bool is_pair =
        turn.is_array() && turn.size() == 2 && turn[0].is_string() && turn[1].is_string();
    if (!is_pair) fail("{}: a turn of \"history\" is a list of two strings", where);
    add_message(messages, "user", turn[0].get<std::string>());
    add_message(messages, "assistant", turn[1].get<std::string>());
  }
}

RecordContent read_instruction(ordered_json& row, const RowKeys&, const std::string& where) {
  ChatRecord chat;
  chat.variables = template_variables(row, where);
  ordered_json messages = ordered_json::array();
  const std::string system = optional_text_field(row, "system", where);
  if (!system.empty()) add_message(messages, "system", system);
  add_history(messages, row, where);
  std::string question = text_field(row, "instruction", where);
  const std::string input = optional_text_field(row, "input", where);
  if (!input.empty()) question += (question.empty() ? "" : "\n") + input;
  add_message(messages, "user", std::move(question));
  add_message(messages, "assistant", text_field(row, "output", where));
  chat.variables["messages"] = std::move(messages);
  return chat;
}

}  // namespace

const RecordFormat kInstructionFormat = {"instruction", "instruction, output", is_instruction,
                                         read_instruction};

}  // namespace graft::data
