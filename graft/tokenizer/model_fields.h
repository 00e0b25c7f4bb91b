#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "graft/tokenizer/json_reader.h"

namespace graft::tokenizer {

/// A large member of a tokenizer.json's `model` that is read without a tree once the rest is known.
struct PutOff {
  JsonReader::Passed json;  ///< its text is empty if the file has no such member
  std::string where;        ///< its name in errors

  size_t entries() const { return json.entries; }
  JsonReader reader() const { return {json.text, where, json.offset}; }
  JsonReader part_reader(size_t index) const {
    return {json.part(index), where, json.offset + json.parts[index]};
  }
};

/// The `model` of a tokenizer.json: vocabulary and merges, and the tree of all other members.
struct ModelFields {
  std::string name;  ///< of the file
  PutOff vocabulary, merges;
  bool exact_scores = true;  ///< or as the reference reads numbers (json_score)
  nlohmann::json options = nlohmann::json::object();
};

/// Takes the reader's next value, the model. Throws Error, which names `name` and the field, if it
/// is not an object or has duplicate members.
ModelFields take_model_fields(JsonReader& reader, const std::string& name);

/// Throws Error unless a member is there, begins with this bracket and has at most so many entries.
void check_put_off(const PutOff& value, char bracket, size_t most, std::string_view entries);

}  // namespace graft::tokenizer
