#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "graft/regex/regex.h"
#include "graft/tokenizer/json_field.h"

// What the readers of a tokenizer's components share.
namespace graft::tokenizer {

/// The type of a component: its "type".
std::string component_type(const JsonField& field);

/// Throws Error: the type of this component is not supported; `known` lists those that are.
[[noreturn]] void refuse_component(const JsonField& field, std::string_view type,
                                   std::string_view known);

/// Throws Error if there are more steps, forms or special tokens than any tokenizer has: each costs
/// time in every text.
void check_parts(const JsonField& field, size_t parts);

/// A pattern, {"String": ...} or {"Regex": ...}.
std::variant<std::string, regex::Regex> read_pattern(const JsonField& field);

/// One character, as a string.
std::string read_character(const JsonField& field);

}  // namespace graft::tokenizer
