#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::data {

struct TextRecord {
  std::string text;
};

/// A prompt and its completion, as plain texts.
struct PairRecord {
  std::string prompt, completion;
  ordered_json variables = ordered_json::object();  // of a chat template: "tools" and so on
};

/// A chat, as chat templates take it.
struct ChatRecord {
  ordered_json variables;          // "messages"; "tools" and a template's own where there are any
  size_t prompt_messages = 0;      // of a pair of lists of messages: those of the prompt
  std::vector<bool> trained = {};  // by message: false where the record says so; empty: none does
};

/// A prompt with an answer to it.
using AnswerRecord = std::variant<PairRecord, ChatRecord>;

/// Two answers to a prompt, one better than the other.
struct PreferenceRecord {
  AnswerRecord chosen, rejected;
};

/// An answer with a verdict.
struct LabelledRecord {
  AnswerRecord answer;
  bool good;
};

using RecordContent =
    std::variant<TextRecord, PairRecord, ChatRecord, PreferenceRecord, LabelledRecord>;

/// A row of a data set as what it means.
struct Record {
  int64_t line = 0;  // of its file, from 1
  RecordContent content;
};

}  // namespace graft::data
