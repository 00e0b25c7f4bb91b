#pragma once

#include <string>
#include <vector>

#include "graft/data/records/record.h"
#include "graft/data/records/row_keys.h"

namespace graft::data {

/// A kind of rows: how they are known, and what they mean. Each has a file of its own here.
struct RecordFormat {
  const char* name;    // "chat"
  const char* fields;  // in messages: "messages"
  bool (*fits)(const ordered_json& row, const RowKeys& keys);
  /// Throws Error, as "where: ...", for a row that has the keys but not what they stand for.
  /// May move out of the row what the record then holds.
  RecordContent (*read)(ordered_json& row, const RowKeys& keys, const std::string& where);
};

extern const RecordFormat kTextFormat, kPairFormat, kChatFormat, kShareGptFormat,
    kInstructionFormat, kPreferenceFormat, kLabelledFormat;

/// All of them, in the order in which a row is tried.
const std::vector<const RecordFormat*>& record_formats();

/// The format of a data set, by its first row. Throws Error, as "where: ...", if there is none.
const RecordFormat& format_of(const ordered_json& row, const RowKeys& keys,
                              const std::string& where);

/// A row of a data set of this format. Throws Error, as "where: ...", if it is one of another or
/// is broken.
RecordContent read_record(ordered_json row, const RecordFormat& format, const RowKeys& keys,
                          const std::string& where);

}  // namespace graft::data
