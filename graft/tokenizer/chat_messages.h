#pragma once

#include <map>
#include <string>

#include "graft/base/json_types.h"
#include "graft/tokenizer/chat_template.h"

namespace graft::tokenizer {

/// In which of the forms that people write it a template takes what messages hold. It is found out
/// by trying: a form is taken if its text comes out, and not Python's or JSON's notation of a list.
class MessageForms {
 public:
  /// Tries the template that is taken where there are tools, or none.
  MessageForms(const ChatTemplate& chat, bool has_tools);

  /// The messages as the template takes them:
  /// - a content that is a list of texts becomes one, joined with nothing between as mlx-lm's
  ///   server does it, for a template that takes texts only; a content that is a text becomes a
  ///   list of one part for a template that takes lists only; a template that takes both gets what
  ///   there is, as from transformers;
  /// - the arguments of a tool call become an object, or JSON, where the template takes only that.
  /// Throws Error for other parts (images, audio), by message and type. `name` is the template's,
  /// in errors.
  ordered_json applied(const ordered_json& messages, const std::string& name) const;
  /// Whether applied() would leave the messages as they are, so that no copy is needed.
  bool fit(const ordered_json& messages) const;

 private:
  enum class Content { as_is, text, parts, one_part };
  enum class Arguments { as_is, object, text };

  Content content_of(const std::string& role) const;
  Content content_of(const ordered_json& message) const;
  Content tried_content(const ChatTemplate& chat, const std::string& role, bool has_tools) const;
  Arguments tried_arguments(const ChatTemplate& chat, bool has_tools) const;

  std::map<std::string, Content> contents_;
  Arguments arguments_ = Arguments::as_is;
};

}  // namespace graft::tokenizer
