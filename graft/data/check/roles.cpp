#include <algorithm>
#include <array>
#include <string_view>

#include "graft/data/check/record_check.h"

// The order of roles that chat templates are made for.
namespace graft::data::check {
namespace {

bool is_system(const Part& part) { return part.role == "system" || part.role == "developer"; }

bool is_tool(const Part& part) {
  return part.role == "tool" || part.role == "function" || part.role == "ipython";
}

bool is_known(const Part& part) {
  return is_system(part) || is_tool(part) || part.role == "user" || part.role == "assistant";
}

// What is wrong with a message behind another (nullptr: it is the first); empty: nothing. `asked`:
// whether a user has said something, or a tool.
std::string wrong_order(const Part* before, const Part& part, const Part* caller, bool asked) {
  if (!is_known(part)) return "the unknown role " + part.role;
  if (is_system(part) && before != nullptr && !is_system(*before)) {
    return part.role + " behind " + before->role + ", not at the beginning";
  }
  if (is_tool(part) && (caller == nullptr || !caller->calls)) {
    return "a tool answers that was not called";
  }
  if (part.role == "assistant" && !asked) {
    return "an assistant answers that was not asked";
  }
  const bool again = before != nullptr && before->role == part.role;
  if (again && (part.role == "user" || part.role == "assistant")) {
    return "two of the role " + part.role + " in a row";
  }
  return "";
}

void look_at_roles(const RecordView& view, const ControlTokens&, const Found& found) {
  if (!view.is_chat()) return;
  for (size_t i = 0; i < std::max<size_t>(view.answers.size(), 1); ++i) {
    std::vector<const Part*> chat;
    for (const Part& part : view.prompt) chat.push_back(&part);
    if (i < view.answers.size()) {
      for (const Part& part : view.answers[i]) chat.push_back(&part);
    }
    const Part *before = nullptr, *caller = nullptr;
    bool asked = false;
    for (size_t k = 0; k < chat.size(); ++k) {
      const Part& part = *chat[k];
      const std::string wrong = wrong_order(before, part, caller, asked);
      const bool told = i > 0 && k < view.prompt.size();  // with the first answer
      if (!wrong.empty() && !told) found(part.place + ": " + wrong);
      before = &part;
      asked = asked || part.role == "user" || is_tool(part);
      if (!is_tool(part)) caller = part.role == "assistant" ? &part : nullptr;
    }
  }
}

}  // namespace

const RecordCheck kRoles = {
    {"roles", "roles out of order", "chat templates refuse such chats, or write them wrong"},
    look_at_roles};

}  // namespace graft::data::check
