#include "graft/data/importers/wikisql.h"

#include <array>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/data/importers/archive.h"
#include "graft/data/importers/download.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 6> kAggregates = {"", "MAX", "MIN", "COUNT", "SUM", "AVG"};
constexpr std::array<const char*, 4> kOperators = {"=", ">", "<", "OP"};
constexpr size_t kMaxLine = size_t{16} << 20;  // bytes; the longest table has far less
constexpr size_t kMaxConditions = 100;

struct Split {
  const char* name;     // in the archive
  const char* written;  // here
  size_t examples;      // that the example of MLX ships
};
constexpr std::array<Split, 3> kSplits = {
    {{"train", "train", 1000}, {"dev", "valid", 100}, {"test", "test", 100}}};

struct Table {
  std::vector<std::string> header;
  std::vector<bool> is_text;  // by column
  std::string member;         // its JSON with rows; empty if it has none
};

/// One line of a JSONL file: a JSON object whose members are asked for with their type.
class Line {
 public:
  Line(std::string_view text, std::string place) : place_(std::move(place)) {
    if (text.size() > kMaxLine) wrong("the line has {} bytes, more than is read", text.size());
    object_ = io::parse_json(text, place_);
    if (!object_.is_object()) wrong("not a JSON object");
  }

  template <class... Args>
  [[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: {}", place_, fmt::format(format, std::forward<Args>(args)...));
  }

  const json& root() const { return object_; }

  const json& member(const json& object, const char* key) const {
    const auto found = object.find(key);
    if (found == object.end()) wrong("\"{}\" is missing", key);
    return *found;
  }

  const std::string& string(const json& value, const char* what) const {
    if (!value.is_string()) wrong("{} is not a string", what);
    return value.get_ref<const std::string&>();
  }

  const json& array(const json& value, const char* what) const {
    if (!value.is_array()) wrong("{} is not an array", what);
    return value;
  }

  /// An index below `size`, of one of `things`.
  size_t index(const json& value, const char* what, size_t size, const char* things) const {
    if (!value.is_number()) wrong("{} is not a number", what);
    if (!value.is_number_unsigned() || value.get<uint64_t>() >= size) {
      wrong("{} is {}, but there are {} {}, counted from 0", what, value.dump(), size, things);
    }
    return value.get<size_t>();
  }

 private:
  std::string place_;
  json object_;
};

/// Calls `use(line)` for at most `limit` lines of a JSONL text.
template <class Use>
void for_each_line(std::string_view text, const std::string& name, size_t limit, const Use& use) {
  for (size_t number = 1; !text.empty() && number <= limit; ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    use(Line(text.substr(0, end), fmt::format("{}:{}", name, number)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// As Python's json.dumps writes it: ASCII.
std::string ascii_json(const json& value) { return value.dump(-1, ' ', true); }

/// A table with its first rows, as a record has it.
std::string table_member(const Line& line, const std::string& id, size_t columns) {
  const auto found = line.root().find("rows");
  if (found == line.root().end()) return {};
  json rows = json::array();
  for (const json& row : line.array(*found, "\"rows\"")) {
    if (line.array(row, "a row of \"rows\"").size() != columns) {
      line.wrong("a row has {} values, but there are {} columns", row.size(), columns);
    }
    for (const json& value : row) {
      if (value.is_structured()) line.wrong("a value of a row is neither text nor a number");
    }
    if (rows.size() == kWikiSqlRows) break;
    rows.push_back(row);
  }
  return fmt::format(R"({{"name": {}, "columns": {}, "types": {}, "rows": {}}})", ascii_json(id),
                     ascii_json(line.root()["header"]), ascii_json(line.root()["types"]),
                     ascii_json(rows));
}

std::unordered_map<std::string, Table> read_tables(std::string_view text, const std::string& name,
                                                   bool with_rows) {
  std::unordered_map<std::string, Table> tables;
  for_each_line(text, name, std::numeric_limits<size_t>::max(), [&](const Line& line) {
    Table table;
    for (const json& column : line.array(line.member(line.root(), "header"), "\"header\"")) {
      table.header.push_back(line.string(column, "a column of \"header\""));
    }
    for (const json& type : line.array(line.member(line.root(), "types"), "\"types\"")) {
      table.is_text.push_back(line.string(type, "a type of \"types\"") == "text");
    }
    if (table.header.size() != table.is_text.size()) {
      line.wrong("\"header\" has {} columns, but \"types\" {}", table.header.size(),
                 table.is_text.size());
    }
    const std::string& id = line.string(line.member(line.root(), "id"), "\"id\"");
    if (with_rows) table.member = table_member(line, id, table.header.size());
    tables[id] = std::move(table);
  });
  return tables;
}

/// A condition's value as Python's str() prints it, which the published examples were made with.
std::string value_text(const Line& line, const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return value.dump();
  if (!value.is_number_float()) line.wrong("a condition's value is neither text nor a number");
  std::string text = fmt::format("{}", value.get<double>());
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string sql_text(const Line& line, const json& sql, const std::string& id, const Table& table) {
  if (!sql.is_object()) line.wrong("\"sql\" is not an object");
  const size_t columns = table.header.size();
  const size_t aggregate =
      line.index(line.member(sql, "agg"), "\"agg\"", kAggregates.size(), "aggregates");
  const size_t selected = line.index(line.member(sql, "sel"), "\"sel\"", columns, "columns");
  std::string text = fmt::format("SELECT {}{}{} FROM {}", kAggregates[aggregate],
                                 aggregate > 0 ? " " : "", table.header[selected], id);
  const json& conditions = line.array(line.member(sql, "conds"), "\"conds\"");
  if (conditions.size() > kMaxConditions) line.wrong("{} conditions", conditions.size());
  const char* before = " WHERE ";
  for (const json& condition : conditions) {
    if (!condition.is_array() || condition.size() != 3) {
      line.wrong("a condition is not [column, operator, value]");
    }
    const size_t column = line.index(condition[0], "a condition's column", columns, "columns");
    const size_t op =
        line.index(condition[1], "a condition's operator", kOperators.size(), "operators");
    const char* quote = table.is_text[column] ? "'" : "";
    text += fmt::format("{}{} {} {}{}{}", before, table.header[column], kOperators[op], quote,
                        value_text(line, condition[2]), quote);
    before = " AND ";
  }
  return text;
}

}  // namespace

std::vector<std::string> wikisql_lines(std::string_view questions, std::string_view tables,
                                       const std::string& questions_name,
                                       const std::string& tables_name, size_t limit,
                                       bool with_tables) {
  const auto table_of = read_tables(tables, tables_name, with_tables);
  std::vector<std::string> lines;
  for_each_line(questions, questions_name, limit, [&](const Line& line) {
    const std::string& id = line.string(line.member(line.root(), "table_id"), "\"table_id\"");
    const auto table = table_of.find(id);
    if (table == table_of.end()) line.wrong("table {} is not in {}", id, tables_name);
    const std::string& question = line.string(line.member(line.root(), "question"), "\"question\"");
    const std::string prompt = fmt::format("table: {}\ncolumns: {}\nQ: {}\nA:", id,
                                           fmt::join(table->second.header, ", "), question);
    const std::string completion =
        " " + sql_text(line, line.member(line.root(), "sql"), id, table->second);
    const std::string& member = table->second.member;
    lines.push_back(fmt::format("{{\"text\": {}, \"prompt\": {}, \"completion\": {}{}{}}}\n",
                                ascii_json(prompt + completion), ascii_json(prompt),
                                ascii_json(completion),
                                member.empty() ? "" : ", \"table\": ", member));
  });
  if (lines.empty()) fail("{}: there are no questions in it", questions_name);
  return lines;
}

std::vector<WikiSqlFile> write_wikisql(const WikiSqlOptions& options,
                                       const std::shared_ptr<FrontEnd>& front_end) {
  const std::string bytes = download(options.url, options.max_bytes,
                                     options.url == kWikiSqlUrl ? kWikiSqlHash : "", front_end);
  std::vector<std::string> names;
  for (const Split& split : kSplits) {
    names.push_back(fmt::format("data/{}.jsonl", split.name));
    names.push_back(fmt::format("data/{}.tables.jsonl", split.name));
  }
  const auto members = read_archive(bytes, options.url, names);

  std::array<std::vector<std::string>, kSplits.size()> lines;
  for (size_t i = 0; i < kSplits.size(); ++i) {
    const std::string &questions = names[2 * i], &tables = names[2 * i + 1];
    lines[i] = wikisql_lines(members.at(questions), members.at(tables), questions, tables,
                             options.all ? std::numeric_limits<size_t>::max() : kSplits[i].examples,
                             options.tables);
  }

  std::error_code error;
  fs::create_directories(options.output, error);
  if (error) fail("cannot create {}: {}", options.output.string(), error.message());
  std::vector<WikiSqlFile> written;
  std::vector<std::unique_ptr<AtomicFile>> files;
  for (size_t i = 0; i < kSplits.size(); ++i) {
    written.push_back(
        {options.output / fmt::format("{}.jsonl", kSplits[i].written), lines[i].size()});
    files.push_back(std::make_unique<AtomicFile>(written.back().path));
    for (const std::string& line : lines[i]) files.back()->write(line);
  }
  for (auto& file : files) file->commit();
  return written;
}

}  // namespace graft::data
