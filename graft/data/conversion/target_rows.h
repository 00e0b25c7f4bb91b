#pragma once

#include <string>

#include "graft/data/records/record.h"

namespace graft::data {

/// The members of a row of a format that say what a record does, the variables of a chat template
/// aside. Each throws Error, as "where: ...", where the format has no place for it.
ordered_json pair_row(const RecordContent& content, const std::string& where);
ordered_json chat_row(const RecordContent& content, const std::string& where);
ordered_json sharegpt_row(const RecordContent& content, const std::string& where);
ordered_json instruction_row(const RecordContent& content, const std::string& where);
ordered_json preference_row(const RecordContent& content, const std::string& where);

}  // namespace graft::data
