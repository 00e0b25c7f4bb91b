#include "graft/tokenizer/chat_turns.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"

namespace graft::tokenizer {
namespace {

bool has_role(const ordered_json& message, const char* wanted) {
  const auto role = message.find("role");
  return role != message.end() && *role == wanted;
}

bool has_calls(const ordered_json& message) {
  const auto calls = message.find("tool_calls");
  return calls != message.end() && !calls->empty();
}

// A call's own name, and its id, which some templates write in place of the name.
std::vector<std::string> names_of(const ordered_json& call) {
  std::vector<std::string> names;
  const auto add = [&](const ordered_json& holder, const char* key) {
    const auto name = holder.is_object() ? holder.find(key) : holder.end();
    if (name != holder.end() && name->is_string() && *name != "") names.push_back(*name);
  };
  add(call, "name");
  add(call, "id");
  if (call.is_object() && call.contains("function")) add(call["function"], "name");
  return names;
}

// In order, joined where they touch, without empty ones.
std::vector<Span> merged(std::vector<Span> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& x, const Span& y) { return x.begin < y.begin; });
  std::vector<Span> result;
  for (const Span& span : spans) {
    if (span.begin == span.end) continue;
    if (!result.empty() && span.begin <= result.back().end) {
      result.back().end = std::max(result.back().end, span.end);
    } else {
      result.push_back(span);
    }
  }
  return result;
}

// `from` without `holes`; both in order and apart.
std::vector<Span> without(const std::vector<Span>& from, const std::vector<Span>& holes) {
  std::vector<Span> result;
  for (Span span : from) {
    for (const Span& hole : holes) {
      if (hole.end <= span.begin || hole.begin >= span.end) continue;
      if (hole.begin > span.begin) result.push_back({span.begin, hole.begin});
      span.begin = std::min(hole.end, span.end);
    }
    if (span.begin < span.end) result.push_back(span);
  }
  return result;
}

}  // namespace

namespace {

bool has_tools(const ordered_json& variables) {
  const auto tools = variables.find("tools");
  return tools != variables.end() && !tools->is_null();
}

}  // namespace

std::set<std::string> special_tokens_of(const Tokenizer& tokenizer) {
  std::set<std::string> tokens;
  for (const auto& [name, token] : tokenizer.special_tokens()) tokens.insert(token);
  for (int32_t id = 0; id < static_cast<int32_t>(tokenizer.vocab_size()); ++id) {
    if (tokenizer.is_special(id)) tokens.emplace(tokenizer.piece(id));
  }
  return tokens;
}

// One chat as it was rendered.
struct ChatTurns::Chat {
  const ordered_json& variables;
  const ordered_json& messages;  // in the template's form
  const Form& form;
  const std::string& name;
  bool has_generation;
  jinja::Rendering rendering;

  bool is_assistant(size_t k) const { return has_role(messages[k], "assistant"); }
  bool is_last(size_t k) const { return k + 1 == messages.size(); }

  TurnForm::Place place(size_t k) const {
    return {.first = k == 0,
            .last = is_last(k),
            .after_tool = k > 0 && has_role(messages[k - 1], "tool"),
            .calls = has_calls(messages[k])};
  }

  // Turns must not hold each other: one message would be taken for the other's.
  void check_apart() const {
    std::vector<Span> all;
    for (const auto& spans : rendering.of_items) all.insert(all.end(), spans.begin(), spans.end());
    std::sort(all.begin(), all.end(),
              [](const Span& x, const Span& y) { return x.begin < y.begin; });
    for (size_t i = 1; i < all.size(); ++i) {
      if (all[i].begin < all[i - 1].end) fail("{}: it writes messages into each other", name);
    }
  }

  // The first message that has a call of which nothing is there in what the template wrote of it;
  // if no loop wrote the message, anywhere.
  std::optional<size_t> unwritten_calls() const {
    for (size_t k = 0; k < messages.size(); ++k) {
      if (!is_assistant(k) || !has_calls(messages[k])) continue;
      std::string written;
      for (const Span& span : rendering.of_items[k]) {
        written += rendering.text.substr(span.begin, span.end - span.begin);
      }
      if (rendering.of_items[k].empty()) written = rendering.text;
      for (const ordered_json& call : messages[k]["tool_calls"]) {
        const std::vector<std::string> names = names_of(call);
        const auto is_written = [&](const std::string& its) {
          const std::string quoted = ordered_json(its).dump();
          return written.find(its) != std::string::npos ||
                 written.find(quoted.substr(1, quoted.size() - 2)) != std::string::npos;
        };
        if (!names.empty() && std::none_of(names.begin(), names.end(), is_written)) return k;
      }
    }
    return {};
  }

  // For every message, the {% generation %} blocks in it. Throws where one is in none.
  std::vector<std::vector<Span>> generated_by_message() const {
    check_apart();
    std::vector<std::vector<Span>> result(messages.size());
    size_t end = 0;  // of all that loops over messages have written
    for (const auto& spans : rendering.of_items) {
      if (!spans.empty()) end = std::max(end, spans.back().end);
    }
    for (const Span& block : rendering.generated) {
      if (block.begin == block.end) continue;
      size_t owner = messages.size();
      for (size_t k = 0; k < messages.size() && owner == messages.size(); ++k) {
        for (const Span& span : rendering.of_items[k]) {
          if (span.begin <= block.begin && block.end <= span.end) owner = k;
        }
      }
      // The last turn's end, which some templates write behind the loop.
      if (owner == messages.size() && block.begin >= end) owner = messages.size() - 1;
      if (owner == messages.size() || !is_assistant(owner)) {
        fail("{}: a {{% generation %}} block of it belongs to no message of an assistant", name);
      }
      result[owner].push_back(block);
    }
    return result;
  }
};

ChatTurns::ChatTurns(ChatTemplate chat, const std::set<std::string>& special_tokens)
    : chat_(std::move(chat)), forms_([&] {
        const auto form = [&](bool has_tools) {
          MessageForms messages(chat_, has_tools);
          TurnForm turns(chat_, messages, special_tokens, has_tools);
          return Form{std::move(messages), std::move(turns)};
        };
        return std::array<Form, 2>{form(false), form(true)};
      }()) {}

Span ChatTurns::turn_span(const Chat& chat, size_t k) const {
  const TurnForm& form = chat.form.turns;
  const std::string_view text = chat.rendering.text;
  const Span whole = turn_of(chat.rendering, k, chat.name);
  const std::string_view turn = text.substr(whole.begin, whole.end - whole.begin);
  std::optional<size_t> begin = form.begin(turn, chat.place(k));
  if (!begin && k > 0) {  // a header of its own: the prompt tells
    const std::string before = chat_.apply(chat.variables, {chat.messages, k, true});
    if (before.size() >= whole.begin && text.starts_with(before)) {
      begin = before.size() - whole.begin;
    }
  }
  if (!begin) fail("{}: messages[{}] begins in another way than its turns do", chat.name, k);
  const auto end =
      form.end(turn.substr(std::min(*begin, turn.size())), text.substr(whole.end), chat.place(k));
  if (!end) fail("{}: messages[{}] ends in another way than its turns do", chat.name, k);
  return {whole.begin + *begin, whole.begin + *begin + *end};
}

std::vector<Span> ChatTurns::assistant_spans(const Chat& chat, const ChatLoss& loss) const {
  const auto may = [&](size_t k) { return k >= loss.messages.size() || loss.messages[k]; };
  std::vector<bool> wanted(chat.messages.size());
  size_t all = 0, chosen = 0;
  for (size_t k = chat.messages.size(); k-- > 0;) {
    if (!chat.is_assistant(k)) continue;
    wanted[k] = may(k) && (loss.on != TrainOn::last || all == 0);
    ++all;
    chosen += wanted[k] ? 1 : 0;
  }
  if (chosen == 0) return {};
  std::vector<Span> spans;
  if (chat.has_generation) {
    if (chosen == all) return merged(chat.rendering.generated);
    const auto blocks = chat.generated_by_message();
    for (size_t k = 0; k < blocks.size(); ++k) {
      if (wanted[k]) spans.insert(spans.end(), blocks[k].begin(), blocks[k].end());
    }
    return merged(std::move(spans));
  }
  const TurnForm& form = chat.form.turns;
  if (!form.refusal().empty()) fail("{}", form.refusal());
  const bool tools = std::any_of(chat.messages.begin(), chat.messages.end(),
                                 [](const auto& m) { return has_role(m, "tool") || has_calls(m); });
  if (tools && !form.refusal_of_tools().empty()) fail("{}", form.refusal_of_tools());
  chat.check_apart();
  for (size_t k = 0; k < wanted.size(); ++k) {
    if (wanted[k]) spans.push_back(turn_span(chat, k));
  }
  return merged(std::move(spans));
}

std::vector<Span> ChatTurns::completion_spans(const Chat& chat, const ChatLoss& loss) const {
  const size_t size = chat.rendering.text.size(), count = chat.messages.size();
  const size_t first = std::min(loss.prompt_messages.value_or(count - 1), count);
  if (first == count) return {};
  if (first > 0) {
    const std::string before =
        chat_.apply(chat.variables, {chat.messages, first, chat.is_assistant(first)});
    if (chat.rendering.text.starts_with(before)) return {{before.size(), size}};
  }
  // The template writes the prompt in another way once it is answered.
  if (!chat.is_assistant(first)) {
    fail("{}: the prompt is no beginning of the whole chat, and messages[{}] is not an assistant's",
         chat.name, first);
  }
  ChatLoss turns{.on = TrainOn::assistant};
  for (size_t k = 0; k < count; ++k) turns.messages.push_back(k == first);
  const std::vector<Span> spans = assistant_spans(chat, turns);
  if (spans.empty()) fail("{}: it writes nothing of messages[{}]", chat.name, first);
  return {{spans[0].begin, size}};
}

const ordered_json& ChatTurns::formed(const ordered_json& variables, ordered_json& changed) const {
  const bool tools = has_tools(variables);
  const std::string& name = chat_.name(tools);
  const auto messages = variables.find("messages");
  if (messages == variables.end() || !messages->is_array() || messages->empty() ||
      !std::all_of(messages->begin(), messages->end(),
                   [](const ordered_json& message) { return message.is_object(); })) {
    fail("{}: a chat needs 'messages', a list of objects", name);
  }
  const MessageForms& forms = forms_[tools ? 1 : 0].messages;
  if (forms.fit(*messages)) return *messages;
  changed = forms.applied(*messages, name);
  return changed;
}

std::string ChatTurns::prompt(const ordered_json& variables, size_t messages) const {
  ordered_json changed;
  const ordered_json& all = formed(variables, changed);
  return chat_.apply(variables, {all, std::min(messages, all.size()), true});
}

ChatText ChatTurns::text(const ordered_json& variables, const ChatLoss& loss) const {
  const bool tools = has_tools(variables);
  const std::string& name = chat_.name(tools);
  ordered_json changed;
  const ordered_json& messages = formed(variables, changed);
  Chat chat{.variables = variables,
            .messages = messages,
            .form = forms_[tools ? 1 : 0],
            .name = name,
            .has_generation = chat_.has_generation(tools),
            .rendering = chat_.render(variables, {messages, messages.size(), false})};
  ChatText result;
  result.unwritten_calls = chat.unwritten_calls();
  switch (loss.on) {
    case TrainOn::all:
    case TrainOn::completion: {
      result.trained = loss.on == TrainOn::all ? merged({{0, chat.rendering.text.size()}})
                                               : completion_spans(chat, loss);
      std::vector<Span> left_out;
      for (size_t k = 0; k < std::min(loss.messages.size(), chat.messages.size()); ++k) {
        if (!loss.messages[k]) left_out.push_back(turn_of(chat.rendering, k, name));
      }
      if (!left_out.empty()) {
        chat.check_apart();
        result.trained = without(result.trained, merged(std::move(left_out)));
      }
      break;
    }
    case TrainOn::assistant:
    case TrainOn::last:
      result.trained = assistant_spans(chat, loss);
  }
  result.text = std::move(chat.rendering.text);
  return result;
}

}  // namespace graft::tokenizer
