#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/data/records/record.h"

namespace graft::data::check {

/// A text of a record, or a message of a chat.
struct Part {
  std::string place;      // "completion", "message 3"
  std::string role = {};  // of a message; empty: a plain text
  std::string text;
  std::string more = {};  // a message's other members (calls of tools, thoughts), as JSON
  bool calls = false;     // whether it may be a tool's call

  bool is_blank() const;
};

/// What all kinds of records have in common: a prompt, and what may follow it.
struct RecordView {
  /// All of a chat before its last answer; of a text nothing.
  std::vector<Part> prompt = {};
  /// One, or the two of a preference: chosen, rejected. Of a text: it. Empty: a chat without any.
  std::vector<std::vector<Part>> answers = {};
  std::string variables = {};      // a template's, beside the messages, as JSON; or empty
  std::optional<bool> label = {};  // of an answer with a verdict
  bool is_text = false;
  std::vector<bool> trained = {};  // as ChatRecord has it

  bool is_chat() const;
};

RecordView view_of(const RecordContent& content);

/// Calls `use` for each text of a record and where it is.
void for_each_text(const RecordView& view,
                   const std::function<void(const std::string& place, std::string_view text)>& use);

/// Whether there is nothing in a text but white space.
bool is_blank(std::string_view text);

}  // namespace graft::data::check
