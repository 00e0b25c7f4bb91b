#include "graft/data/check/record_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "graft/unicode/unicode.h"

namespace graft::data::check {
namespace {

// The text of a message's content: a string, or a list of parts of which some are texts.
std::string content_text(const ordered_json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const ordered_json& part : content) {
    if (part.is_string()) text += part.get_ref<const std::string&>();
    if (!part.is_object()) continue;
    const auto its = part.find("text");
    if (its != part.end() && its->is_string()) {
      text += its->get_ref<const std::string&>();
    } else {
      text += part.dump();
    }
  }
  return text;
}

Part part_of_message(const ordered_json& message, std::string place) {
  Part part{.place = std::move(place), .role = message["role"].get<std::string>(), .text = {}};
  ordered_json more = ordered_json::object();
  for (const auto& [key, value] : message.items()) {
    if (key == "content") {
      part.text = content_text(value);
    } else if (key != "role" && !value.is_null()) {
      more[key] = value;
    }
  }
  if (!more.empty()) part.more = more.dump();
  // Calls are members of their own, or written into the content as models write them.
  const std::string_view text = part.text;
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool json = first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  part.calls = more.contains("tool_calls") || more.contains("function_call") || json ||
               text.find("tool_call") != std::string_view::npos ||
               text.find("function") != std::string_view::npos;
  return part;
}

std::vector<Part> parts_of(const ChatRecord& chat) {
  std::vector<Part> parts;
  for (const ordered_json& message : chat.variables["messages"]) {
    parts.push_back(part_of_message(message, fmt::format("message {}", parts.size() + 1)));
  }
  return parts;
}

std::string variables_of(const ordered_json& all) {
  ordered_json others = all;
  others.erase("messages");
  return others.empty() ? "" : others.dump();
}

// Where the answer of a chat begins: what the record says, else its last assistant.
size_t begin_of_answer(const ChatRecord& chat, const std::vector<Part>& parts) {
  if (chat.prompt_messages > 0) return std::min(chat.prompt_messages, parts.size());
  for (size_t i = parts.size(); i > 0; --i) {
    if (parts[i - 1].role == "assistant") return i - 1;
  }
  return parts.size();
}

void add(RecordView& view, const TextRecord& record) {
  view.is_text = true;
  view.answers.push_back({{.place = "text", .text = record.text}});
}

void add_answer(RecordView& view, const PairRecord& pair, const char* name) {
  view.prompt = {{.place = "prompt", .text = pair.prompt}};
  view.answers.push_back({{.place = name, .text = pair.completion}});
  view.variables = variables_of(pair.variables);
}

void add_answer(RecordView& view, const ChatRecord& chat, const char*) {
  std::vector<Part> parts = parts_of(chat);
  const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(begin_of_answer(chat, parts));
  view.prompt.assign(parts.begin(), begin);
  if (begin != parts.end()) view.answers.emplace_back(begin, parts.end());
  view.variables = variables_of(chat.variables);
  view.trained = chat.trained;
}

void add(RecordView& view, const PairRecord& pair) { add_answer(view, pair, "completion"); }
void add(RecordView& view, const ChatRecord& chat) { add_answer(view, chat, ""); }

void add(RecordView& view, const AnswerRecord& answer, const char* name) {
  std::visit([&](const auto& record) { add_answer(view, record, name); }, answer);
}

void add(RecordView& view, const PreferenceRecord& record) {
  add(view, record.chosen, "chosen");
  const size_t chosen = view.answers.size();
  add(view, record.rejected, "rejected");
  for (size_t i = 0; i < view.answers.size(); ++i) {
    for (Part& part : view.answers[i]) {
      if (!part.role.empty()) part.place += i < chosen ? " of chosen" : " of rejected";
    }
  }
}

void add(RecordView& view, const LabelledRecord& record) {
  add(view, record.answer, "completion");
  view.label = record.good;
}

}  // namespace

bool is_blank(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      const bool space = text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r');
      if (!space) return false;
      ++i;
      continue;
    }
    const unicode::CodePoint c = unicode::decode(text.data() + i);
    if (!unicode::properties_of(c.value).in(unicode::kSpaces)) return false;
    i += c.size;
  }
  return true;
}

bool Part::is_blank() const { return more.empty() && check::is_blank(text); }

bool RecordView::is_chat() const {
  if (!prompt.empty()) return !prompt.front().role.empty();
  return !answers.empty() && !answers.front().empty() && !answers.front().front().role.empty();
}

RecordView view_of(const RecordContent& content) {
  RecordView view;
  std::visit([&](const auto& record) { add(view, record); }, content);
  return view;
}

void for_each_text(
    const RecordView& view,
    const std::function<void(const std::string& place, std::string_view text)>& use) {
  const auto use_part = [&](const Part& part) {
    if (!part.text.empty()) use(part.place, part.text);
    if (!part.more.empty()) use(part.place, part.more);
  };
  for (const Part& part : view.prompt) use_part(part);
  for (const auto& answer : view.answers) {
    for (const Part& part : answer) use_part(part);
  }
  if (!view.variables.empty()) use("its variables", view.variables);
}

}  // namespace graft::data::check
