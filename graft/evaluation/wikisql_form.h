#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "graft/evaluation/sql_schema.h"

namespace graft::evaluation {

/// A query in the form of WikiSQL's published examples as SQL, or none if it is not in this form,
/// of this table and its columns:
///
///   SELECT [MAX|MIN|COUNT|SUM|AVG ]<column> FROM <table>[ WHERE <column> <op> <value>[ AND ...]]
///
/// with an op of = > < >= <= != <>; names stand as they are, with their spaces, and a text value
/// ends at the first quote that lets the rest be read, as quotes in it are not escaped. Keywords
/// and columns are taken in any case of ASCII letters.
std::optional<std::string> standard_sql(std::string_view query, const SqlTable& table);

}  // namespace graft::evaluation
