#include "graft/tokenizer/chat_turn_form.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/jinja/text.h"
#include "graft/tokenizer/chat_probe.h"

namespace graft::tokenizer {
namespace {

bool is_blank(std::string_view text) { return jinja::stripped(text, nullptr, true, false).empty(); }

std::string_view without_blank_end(std::string_view text) {
  return jinja::stripped(text, nullptr, false, true);
}

size_t common_prefix(std::string_view x, std::string_view y) {
  const auto [end, other] = std::mismatch(x.begin(), x.end(), y.begin(), y.end());
  return static_cast<size_t>(end - x.begin());
}

// Where the longest of the tokens that begins at `at` ends; `at` if none does.
size_t token_end(std::string_view text, size_t at, const std::set<std::string>& tokens) {
  size_t end = at;
  for (const std::string& token : tokens) {
    if (!token.empty() && text.substr(at).starts_with(token)) {
      end = std::max(end, at + token.size());
    }
  }
  return end;
}

std::vector<Span> tokens_in(std::string_view text, const std::set<std::string>& tokens) {
  std::vector<Span> found;
  for (size_t at = 0; at < text.size();) {
    const size_t end = token_end(text, at, tokens);
    if (end > at) found.push_back({at, end});
    at = std::max(end, at + 1);
  }
  return found;
}

// Without the thought that some headers end with, begun or empty: it is the turn's, and the prompt
// only says whether the model is to think.
std::string_view without_thought(std::string_view header) {
  return header.substr(0, std::min(header.find("<think>"), header.find("</think>")));
}

// Whether other text stands between the tokens: those behind it may begin the next message.
bool are_apart(const std::vector<Span>& tokens) {
  for (size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i].begin != tokens[i - 1].end) return true;
  }
  return false;
}

// What stands around a known word in a turn.
struct Around {
  std::string before, after;
};

Around around(std::string_view turn, const std::string& word, const std::string& name) {
  const size_t at = turn.find(word);
  if (at == turn.npos) {
    fail("{}: its loop over the messages does not write what an assistant says", name);
  }
  if (turn.find(word, at + 1) != turn.npos) {
    fail("{}: it writes what an assistant says twice", name);
  }
  return {std::string(turn.substr(0, at)), std::string(turn.substr(at + word.size()))};
}

}  // namespace

Span turn_of(const jinja::Rendering& chat, size_t k, const std::string& name) {
  const auto& spans = chat.of_items.at(k);
  if (spans.empty()) fail("{}: no loop over the messages writes messages[{}]", name, k);
  Span whole = spans[0];
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].begin != whole.end) fail("{}: it writes messages[{}] in several parts", name, k);
    whole.end = spans[i].end;
  }
  return whole;
}

struct TurnForm::Trials {
  const ChatTemplate& chat;
  const MessageForms& forms;
  bool has_tools;
  std::string name;
  std::string user = probe::word("u"), answer = probe::word("a"), later = probe::word("b"),
              value = probe::word("v"), reply = probe::word("t");

  jinja::Rendering render(const std::vector<ordered_json>& messages, bool open = false) const {
    ordered_json list = ordered_json::array();
    for (const ordered_json& message : messages) list.push_back(message);
    return chat.render(probe::variables(forms.applied(list, name), has_tools, open));
  }
  std::optional<jinja::Rendering> try_render(const std::vector<ordered_json>& messages) const {
    try {
      return render(messages);
    } catch (const Error&) {
      return {};
    }
  }
  std::string_view turn(const jinja::Rendering& whole, size_t k) const {
    const Span span = turn_of(whole, k, name);
    return std::string_view(whole.text).substr(span.begin, span.end - span.begin);
  }

  // What the turn k of `whole` has in common with the prompt that asks for it: the end of that
  // prompt, or all that stands before the assistant's words.
  std::string header(const jinja::Rendering& whole, size_t k, const std::string& before,
                     const std::string& prompt) const {
    const Span span = turn_of(whole, k, name);
    if (common_prefix(prompt, whole.text) < span.begin) {
      fail("{}: with `add_generation_prompt` a chat does not lead up to the assistant's turn",
           name);
    }
    const std::string_view added = without_thought(std::string_view(prompt).substr(span.begin));
    const std::string_view head = without_thought(before);
    const size_t common = common_prefix(added, head);
    const bool both_go_on = !is_blank(added.substr(common)) || !is_blank(head.substr(common));
    if (common != added.size() && common != head.size() && both_go_on) {
      fail("{}: `add_generation_prompt` adds {}, but a turn begins with {}", name,
           io::in_quotes(added), io::in_quotes(head));
    }
    if (added.empty() && !is_blank(head)) {
      fail("{}: `add_generation_prompt` adds nothing, but a turn begins with {}", name,
           io::in_quotes(head));
    }
    return std::string(head.substr(0, common));
  }
};

TurnForm::TurnForm(const ChatTemplate& chat, const MessageForms& forms,
                   const std::set<std::string>& special_tokens, bool has_tools)
    : special_tokens_(special_tokens) {
  const Trials trials{chat, forms, has_tools, chat.name(has_tools)};
  try {
    learn_turns(trials);
  } catch (const Error& error) {
    refusal_ = error.what();
    return;
  }
  try {
    learn_tools(trials);
  } catch (const Error& error) {
    refusal_of_tools_ = error.what();
  }
}

void TurnForm::learn_turns(const Trials& trials) {
  const auto user = probe::message("user", trials.user);
  const auto answer = probe::message("assistant", trials.answer);
  const auto later = probe::message("assistant", trials.later);
  const jinja::Rendering whole = trials.render({user, answer, user, later});
  const Around first = around(trials.turn(whole, 1), trials.answer, trials.name);
  const Around second = around(trials.turn(whole, 3), trials.later, trials.name);
  const std::string one = trials.header(whole, 1, first.before, trials.render({user}, true).text);
  const std::string two =
      trials.header(whole, 3, second.before, trials.render({user, answer, user}, true).text);
  header_ = one.size() < two.size() ? one : two;
  if (!one.starts_with(header_) || !two.starts_with(header_)) {
    fail("{}: turns have different headers: {} and {}", trials.name, io::in_quotes(one),
         io::in_quotes(two));
  }
  header_after_tool_ = header_;
  if (are_apart(tokens_in(first.after, special_tokens_))) {
    fail("{}: it writes several special tokens behind what an assistant says: {}", trials.name,
         io::in_quotes(first.after));
  }
  inner_ = end_of(first.after, false);
  last_ = end_of(second.after, false);
  if (!last_.has_token) {
    const std::string after = whole.text.substr(turn_of(whole, 3, trials.name).end);
    const auto tokens = tokens_in(after, special_tokens_);
    if (!tokens.empty() && is_blank(after.substr(0, tokens[0].begin)) &&
        without_blank_end(last_.tail).size() == last_.kept) {
      beyond_ = after.substr(0, tokens[0].end);
      const size_t inner = turn_of(whole, 1, trials.name).end;
      beyond_inner_ = !inner_.has_token && whole.text.compare(inner, beyond_.size(), beyond_) == 0;
    }
  }
  try {
    const Around lead =
        around(trials.turn(trials.render({answer, user, later}), 0), trials.answer, trials.name);
    if (lead.before.ends_with(first.before)) {
      lead_ = lead.before.substr(0, lead.before.size() - first.before.size());
    }
  } catch (const Error&) {  // it wants a user's turn first
  }
}

void TurnForm::learn_tools(const Trials& trials) {
  const auto user = probe::message("user", trials.user);
  const auto call = probe::call({{"key", trials.value}});
  const auto reply = probe::reply(trials.reply);
  const auto answer = probe::message("assistant", trials.answer);
  const auto end_of_call = [&](const jinja::Rendering& chat) -> std::optional<End> {
    const std::string_view turn = trials.turn(chat, 1);
    const size_t at = turn.rfind(trials.value);
    if (at == turn.npos) return {};
    return end_of(std::string(turn.substr(at + trials.value.size())), true);
  };
  // A chat that the template refuses here it refuses later.
  if (const auto open = trials.try_render({user, call})) last_call_ = end_of_call(*open);
  const auto whole = trials.try_render({user, call, reply, answer});
  if (!whole) return;
  for (const size_t k : {1, 3}) {
    if (trials.turn(*whole, k).find(trials.reply) != std::string_view::npos) {
      fail("{}: it writes the replies of tools into the assistant's turn", trials.name);
    }
  }
  inner_call_ = end_of_call(*whole);
  const Around answered = around(trials.turn(*whole, 3), trials.answer, trials.name);
  const std::string header =
      trials.header(*whole, 3, answered.before, trials.render({user, call, reply}, true).text);
  if (header_.empty() || !header.starts_with(header_)) header_after_tool_ = header;
}

// Of a call, what stands before the token, or before white space, is the call's own.
TurnForm::End TurnForm::end_of(const std::string& tail, bool of_call) const {
  const auto tokens = tokens_in(tail, special_tokens_);
  if (tokens.empty()) return {of_call ? tail.substr(without_blank_end(tail).size()) : tail};
  if (!of_call) return {.tail = tail, .kept = tokens.back().end, .has_token = true};
  const size_t begin = tokens.back().begin;
  return {tail.substr(begin), tokens.back().end - begin, true};
}

std::optional<size_t> TurnForm::begin(std::string_view turn, const Place& place) const {
  const std::string& header = place.after_tool ? header_after_tool_ : header_;
  if (place.first && !lead_.empty() && turn.starts_with(lead_ + header)) {
    return lead_.size() + header.size();
  }
  if (!turn.starts_with(header)) return {};
  return header.size();
}

std::optional<size_t> TurnForm::end(std::string_view turn, std::string_view after,
                                    const Place& place) const {
  std::vector<const End*> ends = {place.last ? &last_ : &inner_};
  for (const auto* call :
       {place.last ? &inner_call_ : &last_call_, place.last ? &last_call_ : &inner_call_}) {
    if (*call) ends.insert(place.calls ? ends.begin() : ends.end(), &**call);
  }
  for (const End* one : ends) {
    // Without a token of its own, a turn of another kind would end anywhere.
    if (!turn.ends_with(one->tail) || (one != ends.front() && !one->has_token)) continue;
    const bool beyond = !beyond_.empty() && !one->has_token && (place.last || beyond_inner_);
    if (beyond && after.starts_with(beyond_)) return turn.size() + beyond_.size();
    return turn.size() - one->tail.size() + one->kept;
  }
  return {};
}

}  // namespace graft::tokenizer
