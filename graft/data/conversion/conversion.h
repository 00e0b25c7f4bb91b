#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/records/formats.h"
#include "graft/data/renderer.h"
#include "graft/data/source.h"

namespace graft::data {

/// What records can be converted to.
enum class TargetFormat { text, pair, chat, sharegpt, instruction, preference };

std::vector<std::string> target_format_names();
/// Throws UsageError for a word that is none of them.
TargetFormat target_format_named(const std::string& name);

struct ConversionOptions {
  TargetFormat to = TargetFormat::chat;
  RowKeys keys = {};                   // of the rows that are read
  const Renderer* renderer = nullptr;  // of a model: for texts
  bool only = false;                   // leave out the other members of the rows
  bool skip = false;                   // leave out what cannot be converted
};

/// A row in another format, with its other members behind. Throws Error, as "where: ...", where the
/// format has no place for what the record holds: a pair has none for earlier turns.
ordered_json converted(const ordered_json& row, const RecordFormat& format,
                       const ConversionOptions& options, const std::string& where);

struct ConversionCounts {
  int64_t written = 0, skipped = 0;
  std::string first_skipped = {};  // why
};

/// Converts a file, into one whose extension says its kind; it appears whole or not at all. Shows
/// how far it is. Throws Error for the first record that cannot be converted, unless it is to be
/// skipped, and if none can; Cancelled.
ConversionCounts convert_rows(const DataFile& from, const fs::path& to,
                              const ConversionOptions& options, FrontEnd& front_end);

}  // namespace graft::data
