#include "graft/tokenizer/json_field.h"

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::tokenizer {
namespace {

// What errors show of a value.
std::string shown(const json& value) {
  constexpr size_t kMost = 60;
  if (value.is_structured()) return fmt::format("an {}", value.type_name());
  std::string text = value.dump(-1, ' ', true);
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

}  // namespace

void JsonField::reject(std::string_view expected) const {
  fail("{}: expected {}, found {}", where(), expected, shown(*value_));
}

std::optional<JsonField> JsonField::find(std::string_view key) const {
  if (!value_->is_object()) reject("an object");
  auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return member(*found, key);
}

JsonField JsonField::member(const json& value, std::string_view key) const {
  return {value, file_, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)};
}

JsonField JsonField::at(std::string_view key) const {
  std::optional<JsonField> field = find(key);
  if (!field) fail("{}: has no \"{}\"", where(), key);
  return *field;
}

std::vector<JsonField> JsonField::elements() const {
  if (!value_->is_array()) reject("an array");
  std::vector<JsonField> fields;
  for (size_t i = 0; i < value_->size(); ++i) {
    fields.emplace_back((*value_)[i], file_, fmt::format("{}[{}]", path_, i));
  }
  return fields;
}

std::vector<std::pair<std::string, JsonField>> JsonField::members() const {
  if (!value_->is_object()) reject("an object");
  std::vector<std::pair<std::string, JsonField>> fields;
  for (const auto& [key, value] : value_->items()) {
    fields.emplace_back(key, member(value, io::in_quotes(key)));
  }
  return fields;
}

std::string JsonField::string() const {
  if (!value_->is_string()) reject("a string");
  return value_->get<std::string>();
}

bool JsonField::boolean() const {
  if (!value_->is_boolean()) reject("true or false");
  return value_->get<bool>();
}

int64_t JsonField::integer(int64_t low, int64_t high) const {
  bool fits = value_->is_number_integer() &&
              !(value_->is_number_unsigned() && value_->get<uint64_t>() > uint64_t{INT64_MAX});
  int64_t number = fits ? value_->get<int64_t>() : 0;
  if (!fits || number < low || number > high) {
    reject(fmt::format("a whole number from {} to {}", low, high));
  }
  return number;
}

bool JsonField::boolean_or(std::string_view key, bool otherwise) const {
  std::optional<JsonField> field = find(key);
  return field ? field->boolean() : otherwise;
}

}  // namespace graft::tokenizer
