#include "graft/tokenizer/model_fields.h"

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::tokenizer {
namespace {

void put_off(JsonReader& reader, PutOff& value) {
  if (!value.json.text.empty()) fail("{}: is there twice", value.where);
  char bracket = reader.peek();
  if (bracket != '{' && bracket != '[') fail("{}: expected an object or array", value.where);
  value.json = reader.pass();
}

}  // namespace

ModelFields take_model_fields(JsonReader& reader, const std::string& name) {
  ModelFields fields;
  fields.name = name;
  fields.vocabulary.where = name + ": model.vocab";
  fields.merges.where = name + ": model.merges";
  reader.object([&](std::string_view key) {
    if (key == "vocab") {
      put_off(reader, fields.vocabulary);
    } else if (key == "merges") {
      put_off(reader, fields.merges);
    } else {
      std::string owned(key);
      fields.options[owned] =
          io::parse_json(reader.skip(), fmt::format("{}: model.{}", name, io::in_quotes(key)));
    }
  });
  return fields;
}

void check_put_off(const PutOff& value, char bracket, size_t most, std::string_view entries) {
  if (value.json.text.empty()) fail("{}: is missing", value.where);
  if (value.json.text.front() != bracket) {
    fail("{}: expected an {}", value.where, bracket == '{' ? "object" : "array");
  }
  if (value.json.entries > most) {
    fail("{}: {} {}; the most is {}", value.where, value.json.entries, entries, most);
  }
}

}  // namespace graft::tokenizer
