#pragma once

#include <string>
#include <string_view>

#include "graft/data/records/record.h"

// What the formats share: fields of rows, and messages.
namespace graft::data {

/// A string among a row's fields. Throws Error, as "where: ...", if it is none.
std::string text_field(const ordered_json& row, const std::string& key, const std::string& where);

/// The same, moved out of the row.
std::string taken_text_field(ordered_json& row, const std::string& key, const std::string& where);

/// A field that may be missing, null or empty: then an empty string.
std::string optional_text_field(const ordered_json& row, const std::string& key,
                                const std::string& where);

/// A structured field, or the JSON that a string holds, as a table's cells do. Throws Error, as
/// "where: ...".
ordered_json structured_field(const ordered_json& row, const std::string& key,
                              const std::string& where);

/// The value of the row's field `key`, a list of messages of {role, content, ...}, or of {from,
/// value} with ShareGPT's names. What is not a chat template's (`train`, `weight`) is taken out and
/// put into `trained`. Throws Error, as "where: key[i]: ...", for what is no message.
ordered_json read_messages(ordered_json value, const std::string& key, const std::string& where,
                           std::vector<bool>& trained);

/// The variables of a chat template that a row has beside its messages: tools, documents, and
/// those in chat_template_kwargs, as TRL has them. An empty list of tools or documents is none.
ordered_json template_variables(const ordered_json& row, const std::string& where);

/// A chat of the row's messages `key`, which are moved out of it.
ChatRecord read_chat(ordered_json& row, const std::string& key, const std::string& where);

/// A chat of a prompt and an answer to it, both lists of messages.
ChatRecord read_chat_pair(const ordered_json& row, const std::string& prompt,
                          const std::string& answer, const std::string& where);

/// A prompt and an answer, both strings or both lists of messages.
AnswerRecord read_answer(const ordered_json& row, const std::string& prompt,
                         const std::string& answer, const std::string& where);

}  // namespace graft::data
