#include <algorithm>
#include <optional>

#include "graft/base/error.h"
#include "graft/data/records/formats.h"
#include "graft/data/records/messages.h"

// Preferences and verdicts, as TRL has them.
namespace graft::data {
namespace {

bool is_preference(const ordered_json& row, const RowKeys& keys) {
  return !keys.any() && row.contains("chosen") && row.contains("rejected");
}

// How much two answers that hold the prompt begin alike: whole messages, or a text up to a space.
size_t common_beginning(const std::string& a, const std::string& b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  auto common = static_cast<size_t>(end - a.begin());
  // Behind a whole character of UTF-8.
  while (common > 0 && common < a.size() &&
         (static_cast<unsigned char>(a[common]) & 0xC0) == 0x80) {
    --common;
  }
  if (common > 0 && a[common - 1] == ' ') --common;
  return common;
}

size_t common_beginning(const ordered_json& a, const ordered_json& b) {
  size_t common = 0;
  while (common < std::min(a.size(), b.size()) && a[common] == b[common]) ++common;
  return common;
}

// Whether a field is a text, and not the list of messages that a table's cell holds as JSON.
bool is_plain_text(const ordered_json& value) {
  if (!value.is_string()) return false;
  const std::string& text = value.get_ref<const std::string&>();
  constexpr const char* kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string::npos || text[first] != '[') return true;
  const size_t second = text.find_first_not_of(kSpace, first + 1);
  return second == std::string::npos || text[second] != '{';  // "[INST] ..." is a text
}

// The prompt is the beginning that both answers share.
PreferenceRecord read_implicit(ordered_json& row, const std::string& where) {
  if (is_plain_text(row["chosen"])) {
    const std::string a = text_field(row, "chosen", where), b = text_field(row, "rejected", where);
    const size_t common = common_beginning(a, b);
    const ordered_json variables = template_variables(row, where);
    return {PairRecord{a.substr(0, common), a.substr(common), variables},
            PairRecord{b.substr(0, common), b.substr(common), variables}};
  }
  const auto answer = [&](const char* key, size_t common) {
    ChatRecord chat = read_chat(row, key, where);
    chat.prompt_messages = common;
    return chat;
  };
  ChatRecord first = answer("chosen", 0), second = answer("rejected", 0);
  const ordered_json &a = first.variables["messages"], &b = second.variables["messages"];
  const size_t common = common_beginning(a, b);
  if (common == a.size() || common == b.size() || common == 0) {
    fail("{}: \"chosen\" and \"rejected\" {}", where,
         common == 0 ? "have no prompt in common, and there is no \"prompt\""
                     : "differ in no answer to the same prompt");
  }
  first.prompt_messages = second.prompt_messages = common;
  return {std::move(first), std::move(second)};
}

RecordContent read_preference(ordered_json& row, const RowKeys&, const std::string& where) {
  const auto prompt = row.find("prompt");
  if (prompt == row.end() || prompt->is_null()) return read_implicit(row, where);
  // Some sets have the prompt as a string beside whole chats.
  const auto chosen = row.find("chosen");
  if (prompt->is_string() && chosen->is_array()) return read_implicit(row, where);
  return PreferenceRecord{read_answer(row, "prompt", "chosen", where),
                          read_answer(row, "prompt", "rejected", where)};
}

// A number is more likely a class.
std::optional<bool> verdict_of(const ordered_json& label) {
  if (label.is_boolean()) return label.get<bool>();
  if (label == "true" || label == "True") return true;  // as tables write it
  if (label == "false" || label == "False") return false;
  return {};
}

bool is_labelled(const ordered_json& row, const RowKeys& keys) {
  return !keys.any() && row.contains("prompt") && row.contains("completion") &&
         row.contains("label") && verdict_of(row["label"]);
}

RecordContent read_labelled(ordered_json& row, const RowKeys&, const std::string& where) {
  return LabelledRecord{read_answer(row, "prompt", "completion", where), *verdict_of(row["label"])};
}

}  // namespace

const RecordFormat kPreferenceFormat = {"preference", "chosen, rejected", is_preference,
                                        read_preference};
const RecordFormat kLabelledFormat = {"labelled", "prompt, completion, label", is_labelled,
                                      read_labelled};

}  // namespace graft::data
