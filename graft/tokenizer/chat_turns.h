#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graft/base/json_types.h"
#include "graft/base/span.h"
#include "graft/tokenizer/chat_messages.h"
#include "graft/tokenizer/chat_template.h"
#include "graft/tokenizer/chat_turn_form.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::tokenizer {

/// The text of a chat, and its parts that carry loss: bytes, in order, apart and not empty.
struct ChatText {
  std::string text;
  std::vector<Span> trained{};
  /// The first message of which the template writes a tool call nowhere, by its name or its id.
  std::optional<size_t> unwritten_calls{};
};

/// What of a chat carries loss.
enum class TrainOn {
  all,         ///< every byte
  completion,  ///< from where the prompt ends to the end of the text
  assistant,   ///< what assistants say, each turn through its end-of-turn token
  last,        ///< what the last assistant says
};

struct ChatLoss {
  TrainOn on = TrainOn::assistant;
  /// For `completion`: how many messages are the prompt; nothing: all but the last.
  std::optional<size_t> prompt_messages{};
  /// Which messages may carry loss; those beyond its end may.
  std::vector<bool> messages{};
};

/// The tokens that may end a turn: the special ones of a tokenizer, as text.
std::set<std::string> special_tokens_of(const Tokenizer& tokenizer);

/// Renders chats with a model's template, and knows which bytes of the text are whose turn by what
/// the template wrote while it was at that message, never by looking for the message's text.
///
/// Where the template has {% generation %} blocks, an assistant says what these hold, as
/// transformers has it (return_assistant_tokens_mask). Elsewhere a turn is what the template's loop
/// over the messages writes for it, from behind the header (of what `add_generation_prompt` adds,
/// as much as turns begin with) through the special token that ends it; tool calls and thoughts
/// belong to it.
///
/// Safe to use from several threads.
class ChatTurns {
 public:
  /// `special_tokens`: the tokenizer's added special tokens. What is the same for all chats is
  /// found out here, from small ones; a template whose turns cannot be told exactly is refused
  /// where they are asked for.
  ChatTurns(ChatTemplate chat, const std::set<std::string>& special_tokens);

  /// `variables` as ChatTemplate::apply has them, but that `add_generation_prompt` does not count,
  /// with messages in the forms that MessageForms knows. Throws Error, which names the template: it
  /// refuses the messages, or the turns that are asked for cannot be told exactly.
  ChatText text(const ordered_json& variables, const ChatLoss& loss) const;

  /// The text that a model answers to: the first `messages` of them, and the beginning of an
  /// answer. Throws Error as text() does.
  std::string prompt(const ordered_json& variables, size_t messages) const;

  const ChatTemplate& chat_template() const { return chat_; }

 private:
  struct Form {
    MessageForms messages;
    TurnForm turns;
  };
  struct Chat;

  /// A chat's messages in the form that the template takes; `changed` holds them where that is not
  /// theirs.
  const ordered_json& formed(const ordered_json& variables, ordered_json& changed) const;
  std::vector<Span> assistant_spans(const Chat& chat, const ChatLoss& loss) const;
  Span turn_span(const Chat& chat, size_t k) const;
  std::vector<Span> completion_spans(const Chat& chat, const ChatLoss& loss) const;

  ChatTemplate chat_;
  std::array<Form, 2> forms_;  // without and with tools
};

}  // namespace graft::tokenizer
