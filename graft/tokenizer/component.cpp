#include "graft/tokenizer/component.h"

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {

constexpr size_t kMostParts = 32;

std::string component_type(const JsonField& field) { return field.at("type").string(); }

void refuse_component(const JsonField& field, std::string_view type, std::string_view known) {
  fail("{}: type {} is not supported; supported: {}", field.where(), io::in_quotes(type), known);
}

void check_parts(const JsonField& field, size_t parts) {
  if (parts > kMostParts) fail("{}: more than {} parts", field.where(), kMostParts);
}

std::variant<std::string, regex::Regex> read_pattern(const JsonField& field) {
  if (auto regex = field.find("Regex")) return regex::Regex(regex->string(), regex->where());
  if (auto literal = field.find("String")) return literal->string();
  field.reject("a pattern: {\"String\": ...} or {\"Regex\": ...}");
}

std::string read_character(const JsonField& field) {
  std::string text = field.string();
  if (text.empty() || unicode::decode(text.data()).size != text.size()) {
    field.reject("one character");
  }
  return text;
}

}  // namespace graft::tokenizer
