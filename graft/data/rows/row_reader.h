#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "graft/base/files.h"
#include "graft/base/json_types.h"
#include "graft/data/rows/text_form.h"

namespace graft::data {

/// A row as it stands in its file.
struct RawRow {
  std::string text;
  /// Where it begins: the line of a text file, also for an element of a JSON array, or the number
  /// of a Parquet file's row; from 1.
  int64_t line = 0;
};

/// The rows of a file of a data set. It is read forward: in memory are a buffer and a row, for
/// Parquet some rows. Rows are split by next(), at the speed of a search, and understood by
/// parse(), for which several threads can take turns with their own.
class RowReader {
 public:
  virtual ~RowReader() = default;

  /// Sets `row` to the next one; false at the end. Throws Error, as "name:line: ...", for what no
  /// rows can be told apart in, for a row of 256 MiB or more, and for what cannot be read.
  virtual bool next(RawRow& row) = 0;

  /// The JSON object that a row is; of the columns of a table, in their order. May be called by
  /// several threads, also while another is in next(). Throws Error, as "name:line: ...", if it is
  /// none.
  virtual ordered_json parse(const RawRow& row) const = 0;

  /// The share of the file that is read, 0 to 1; 0 where its size is unknown.
  virtual double done() const = 0;
};

/// Whether a file is rows, and no text to be read as it is, by its extension: tables, Parquet and
/// what is compressed. JSON may be anything.
bool is_row_file(const fs::path& file);

/// The reader of a file, `name` in messages. Its extension says what it is:
///
/// - .jsonl, .ndjson, .json: an object in each line, or an array of objects; whether the text
///   begins with [ decides. A .json may also hold one object, of whose members one is the array.
///   JSON as Python reads it: NaN, Infinity, the last of equal keys; but integers beyond 64 bits,
///   of which Python keeps all digits, become the nearest double.
/// - .csv, .tsv: a line of names, then rows of as many fields; quotes as RFC 4180 has them. All
///   values are strings.
/// - .parquet: a column is a member. null, numbers, booleans, lists, structs; maps as objects;
/// dates,
///   times and decimals as text; binary where it is UTF-8.
///
/// A text file may have .gz or .zst behind it, and is unpacked as it is read; one that begins as
/// these do is unpacked under any name. With any other extension it is Parquet if it begins so, or
/// JSON. Texts are UTF-8, a byte order mark is skipped, and lines end in LF, CR LF or CR.
///
/// Throws Error naming the file if it is missing, or plainly something else. `form`, if it is not
/// nullptr, has to live as long as the reader, and sees all that is read of a text file.
std::unique_ptr<RowReader> open_rows(const fs::path& file, const std::string& name,
                                     TextForm* form = nullptr);

/// The rows of a text, or of a stream such as standard input, as those of a .jsonl; both have to
/// live as long as the reader.
std::unique_ptr<RowReader> read_rows(std::string_view text, const std::string& name);
std::unique_ptr<RowReader> read_rows(std::istream& stream, const std::string& name);

/// Calls `use` for each row of a reader, or file, parsed, and its line.
using UseRow = std::function<void(const ordered_json& row, int64_t line)>;
void for_each_row(RowReader& reader, const UseRow& use);
void for_each_row(const fs::path& file, const std::string& name, const UseRow& use);

}  // namespace graft::data
