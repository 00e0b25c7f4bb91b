#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/span.h"
#include "graft/tokenizer/chat_messages.h"
#include "graft/tokenizer/chat_template.h"

namespace graft::tokenizer {

/// The one part of the text that a template's loop over the messages wrote for message k. Throws
/// Error, which names the template, where there is none, or several.
Span turn_of(const jinja::Rendering& chat, size_t k, const std::string& name);

/// What a template writes around that which an assistant says: the same for every chat, and found
/// out once, from small chats whose words are known.
class TurnForm {
 public:
  /// Where a turn stands in its chat.
  struct Place {
    bool first = false, last = false;  ///< of all messages
    bool after_tool = false;
    bool calls = false;  ///< it has tool calls
  };

  /// The form of the template that is taken where there are tools, or none. `special_tokens` are
  /// the tokenizer's added special tokens, one of which ends a turn.
  TurnForm(const ChatTemplate& chat, const MessageForms& forms,
           const std::set<std::string>& special_tokens, bool has_tools);

  /// Why the form is not known; empty if it is.
  const std::string& refusal() const { return refusal_; }
  /// Why chats with tool calls cannot be told apart; empty if they can.
  const std::string& refusal_of_tools() const { return refusal_of_tools_; }

  /// Where the header ends that a model does not write: the common part of the turn and of what
  /// `add_generation_prompt` adds. Nothing where the turn begins otherwise.
  std::optional<size_t> begin(std::string_view turn, const Place& place) const;

  /// Where the end-of-turn token ends, or the assistant's words where there is no such token.
  /// Beyond the turn where the token is: `after` is what follows the turn in the chat. Nothing
  /// where the turn ends otherwise.
  std::optional<size_t> end(std::string_view turn, std::string_view after,
                            const Place& place) const;

 private:
  /// What the template writes behind an assistant's words: the first `kept` bytes are the turn's.
  struct End {
    std::string tail{};
    size_t kept = 0;
    bool has_token = false;
  };
  /// Small chats as the template writes them.
  struct Trials;

  void learn_turns(const Trials& trials);
  void learn_tools(const Trials& trials);
  End end_of(const std::string& tail, bool of_call) const;

  std::set<std::string> special_tokens_;
  std::string refusal_, refusal_of_tools_;
  std::string header_, header_after_tool_;
  std::string lead_;  // what the first message has before its header
  End inner_, last_;
  std::optional<End> inner_call_, last_call_;  // of turns with tool calls
  std::string beyond_;                         // behind the last turn, through its token
  bool beyond_inner_ = false;  // behind the others, too: the next message's turn begins with it
};

}  // namespace graft::tokenizer
