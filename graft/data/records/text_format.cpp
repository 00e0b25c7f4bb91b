#include "graft/data/records/formats.h"
#include "graft/data/records/messages.h"

namespace graft::data {
namespace {

std::string text_key(const RowKeys& keys) { return keys.text.value_or("text"); }

bool is_text(const ordered_json& row, const RowKeys& keys) { return row.contains(text_key(keys)); }

RecordContent read_text_record(ordered_json& row, const RowKeys& keys, const std::string& where) {
  return TextRecord{taken_text_field(row, text_key(keys), where)};
}

}  // namespace

const RecordFormat kTextFormat = {"text", "text", is_text, read_text_record};

}  // namespace graft::data
