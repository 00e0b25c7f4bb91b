#include <algorithm>

#include "graft/data/check/record_check.h"

namespace graft::data::check {
namespace {

void look_for_empty_record(const RecordView& view, const ControlTokens&, const Found& found) {
  bool empty = true;
  for_each_text(
      view, [&](const std::string&, std::string_view text) { empty = empty && is_blank(text); });
  if (empty) found("nothing but white space");
}

}  // namespace

const RecordCheck kEmptyRecord = {
    {"empty_record", "empty records", "they teach nothing: leave them out"}, look_for_empty_record};

}  // namespace graft::data::check
