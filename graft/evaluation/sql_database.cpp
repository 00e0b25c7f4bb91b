#include "graft/evaluation/sql_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "graft/base/error.h"
#include "graft/evaluation/number.h"
#include "graft/evaluation/text.h"

namespace graft::evaluation {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMostValue = 1 << 20;              // bytes of a text or blob
constexpr size_t kMostQuery = size_t{1} << 16;   // bytes of a query
constexpr size_t kMostScript = size_t{1} << 20;  // bytes of a record's statements
constexpr int kStepsBetweenLooks = 1000;         // of SQLite's machine

// What changes nothing, reads nothing but tables, and takes no random numbers.
constexpr std::string_view kFunctions[] = {
    "abs",          "avg",        "ceil",        "ceiling",    "char",      "coalesce",
    "concat",       "concat_ws",  "count",       "cume_dist",  "date",      "datetime",
    "dense_rank",   "exp",        "first_value", "floor",      "format",    "glob",
    "group_concat", "hex",        "ifnull",      "iif",        "instr",     "julianday",
    "lag",          "last_value", "lead",        "length",     "like",      "ln",
    "log",          "log10",      "log2",        "lower",      "ltrim",     "max",
    "min",          "mod",        "nth_value",   "ntile",      "nullif",    "octet_length",
    "percent_rank", "pi",         "pow",         "power",      "printf",    "quote",
    "rank",         "replace",    "round",       "row_number", "rtrim",     "sign",
    "sqrt",         "strftime",   "string_agg",  "substr",     "substring", "sum",
    "time",         "total",      "trim",        "trunc",      "typeof",    "unicode",
    "unixepoch",    "upper"};

bool is_known(const char* function) {
  return function != nullptr && std::find(std::begin(kFunctions), std::end(kFunctions),
                                          ascii_lower(function)) != std::end(kFunctions);
}

// What SQLite uses in this process is bounded while one of these lives.
class MemoryBound {
 public:
  explicit MemoryBound(int64_t bytes) : before_(sqlite3_hard_heap_limit64(-1)) {
    if (before_ == 0 || before_ > bytes) sqlite3_hard_heap_limit64(bytes);
  }
  ~MemoryBound() { sqlite3_hard_heap_limit64(before_); }
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;

 private:
  int64_t before_;
};

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

}  // namespace

class SqlDatabase::Connection {
 public:
  explicit Connection(const SqlLimits& limits) : limits_(limits), memory_(limits.memory) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(":memory:", &db_, flags, nullptr) != SQLITE_OK) {
      sqlite3_close(db_);
      fail("SQLite cannot open a database in memory");
    }
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    // What a query sorts or collects stays in memory, where it is bounded, and out of files.
    sqlite3_exec(db_, "PRAGMA temp_store=MEMORY", nullptr, nullptr, nullptr);
    const std::pair<int, int> bounds[] = {
        {SQLITE_LIMIT_LENGTH, kMostValue},    {SQLITE_LIMIT_COLUMN, 1000},
        {SQLITE_LIMIT_EXPR_DEPTH, 200},       {SQLITE_LIMIT_COMPOUND_SELECT, 50},
        {SQLITE_LIMIT_VDBE_OP, 250000},       {SQLITE_LIMIT_FUNCTION_ARG, 32},
        {SQLITE_LIMIT_ATTACHED, 0},           {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 1000}, {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0}};
    for (const auto& [id, most] : bounds) sqlite3_limit(db_, id, most);
    sqlite3_set_authorizer(db_, &Connection::allow, this);
    sqlite3_progress_handler(db_, kStepsBetweenLooks, &Connection::look, this);
  }
  ~Connection() { sqlite3_close(db_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void fill(const SqlTable& table) {
    std::vector<std::string> columns;
    for (const SqlColumn& column : table.columns) {
      columns.push_back(sql_quoted(column.name, '"') +
                        (column.is_text ? " TEXT COLLATE NOCASE" : " NUMERIC"));
    }
    begin();
    run_all(
        fmt::format("CREATE TABLE {} ({})", sql_quoted(table.name, '"'), fmt::join(columns, ", ")));
    std::string places = "?";
    for (size_t i = 1; i < columns.size(); ++i) places += ",?";
    const Statement insert =
        prepare(fmt::format("INSERT INTO {} VALUES ({})", sql_quoted(table.name, '"'), places))
            .first;
    for (const ordered_json& row : table.rows) {
      for (size_t i = 0; i < columns.size(); ++i) {
        bind(insert.get(), static_cast<int>(i) + 1, row[i], table.columns[i].is_text);
      }
      if (sqlite3_step(insert.get()) != SQLITE_DONE) broken();
      sqlite3_reset(insert.get());
    }
  }

  void run_script(std::string_view script) {
    if (script.size() > kMostScript) fail("its statements are longer than {} bytes", kMostScript);
    if (script.find('\0') != std::string_view::npos) fail("its statements have a NUL");
    sqlite3_limit(db_, SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(kMostScript) + 1);
    begin();
    run_all(script);
  }

  // From now on, it is only read.
  void close_to_changes() {
    filling_ = false;
    sqlite3_limit(db_, SQLITE_LIMIT_SQL_LENGTH, static_cast<int>(kMostQuery));
  }

  std::vector<SqlRow> query(std::string_view text) {
    if (text.size() > kMostQuery) fail("it is longer than {} bytes", kMostQuery);
    if (text.find('\0') != std::string_view::npos) fail("it has a NUL");
    begin();
    auto [statement, rest] = prepare(text);
    if (statement == nullptr) fail("it is no query");
    while (!rest.empty()) {
      auto [more, after] = prepare(rest);
      if (more != nullptr) fail("it is more than one statement");
      rest = after;
    }
    if (sqlite3_stmt_readonly(statement.get()) == 0 ||
        sqlite3_stmt_isexplain(statement.get()) != 0 ||
        sqlite3_column_count(statement.get()) == 0) {
      fail("it is no query");
    }
    std::vector<SqlRow> rows;
    size_t bytes = 0;
    for (;;) {
      const int result = sqlite3_step(statement.get());
      if (result == SQLITE_DONE) return rows;
      if (result != SQLITE_ROW) broken();
      if (rows.size() == limits_.rows) fail("it gives more than {} rows", limits_.rows);
      rows.push_back(row_of(statement.get(), bytes));
      if (bytes > limits_.bytes) fail("its rows have more than {} bytes", limits_.bytes);
    }
  }

 private:
  void begin() {
    end_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                              std::chrono::duration<double>(limits_.seconds));
    why_.clear();
  }

  [[noreturn]] void broken() {
    if (!why_.empty()) fail("{}", why_);
    fail("{}", sqlite3_errmsg(db_));
  }

  // The first statement of a text, null if there is none, and what follows it.
  std::pair<Statement, std::string_view> prepare(std::string_view text) {
    sqlite3_stmt* statement = nullptr;
    const char* rest = nullptr;
    const int result =
        sqlite3_prepare_v2(db_, text.data(), static_cast<int>(text.size()), &statement, &rest);
    Statement owned(statement);
    if (result != SQLITE_OK) broken();
    return {std::move(owned), text.substr(static_cast<size_t>(rest - text.data()))};
  }

  void run_all(std::string_view text) {
    while (!text.empty()) {
      auto [statement, rest] = prepare(text);
      int result = SQLITE_ROW;
      while (statement != nullptr && result == SQLITE_ROW) result = sqlite3_step(statement.get());
      if (statement != nullptr && result != SQLITE_DONE) broken();
      text = rest;
    }
  }

  void bind(sqlite3_stmt* statement, int at, const ordered_json& value, bool is_text) {
    int result = SQLITE_OK;
    if (value.is_null()) {
      result = sqlite3_bind_null(statement, at);
    } else if (value.is_boolean()) {
      result = sqlite3_bind_int(statement, at, value.get<bool>() ? 1 : 0);
    } else if (value.is_number_integer() &&
               !(value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{1} << 62)) {
      result = sqlite3_bind_int64(statement, at, value.get<int64_t>());
    } else if (value.is_number()) {
      result = sqlite3_bind_double(statement, at, value.get<double>());
    } else {
      const auto& text = value.get_ref<const std::string&>();
      const auto number = is_text ? std::nullopt : whole_number(text);
      result = number ? sqlite3_bind_double(statement, at, *number)
                      : sqlite3_bind_text64(statement, at, text.data(), text.size(),
                                            SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    if (result != SQLITE_OK) broken();
  }

  static SqlRow row_of(sqlite3_stmt* statement, size_t& bytes) {
    SqlRow row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto content = [&](const void* data) {
        return std::string(static_cast<const char*>(data),
                           static_cast<size_t>(sqlite3_column_bytes(statement, i)));
      };
      switch (sqlite3_column_type(statement, i)) {
        case SQLITE_INTEGER:
          row.emplace_back(int64_t{sqlite3_column_int64(statement, i)});
          break;
        case SQLITE_FLOAT:
          row.emplace_back(sqlite3_column_double(statement, i));
          break;
        case SQLITE_TEXT:
          row.emplace_back(content(sqlite3_column_text(statement, i)));
          break;
        case SQLITE_BLOB:
          row.emplace_back(SqlBlob{content(sqlite3_column_blob(statement, i))});
          break;
        default:
          row.emplace_back();
      }
      bytes += sizeof(SqlValue) + static_cast<size_t>(sqlite3_column_bytes(statement, i));
    }
    return row;
  }

  static int allow(void* self, int action, const char* first, const char* second, const char*,
                   const char*) {
    auto& connection = *static_cast<Connection*>(self);
    switch (action) {
      case SQLITE_SELECT:
      case SQLITE_READ:
      case SQLITE_RECURSIVE:
        return SQLITE_OK;
      case SQLITE_FUNCTION:
        if (is_known(second)) return SQLITE_OK;
        connection.why_ = fmt::format("it calls {}", second == nullptr ? "a function" : second);
        return SQLITE_DENY;
      case SQLITE_CREATE_TABLE:
      case SQLITE_CREATE_INDEX:
      case SQLITE_CREATE_VIEW:
      case SQLITE_REINDEX:
      case SQLITE_INSERT:
      case SQLITE_UPDATE:
      case SQLITE_DELETE:
      case SQLITE_TRANSACTION:
        if (connection.filling_) return SQLITE_OK;
        [[fallthrough]];
      default:
        connection.why_ =
            connection.filling_ ? "it has a statement that is not allowed" : "it is no query";
        static_cast<void>(first);
        return SQLITE_DENY;
    }
  }

  static int look(void* self) {
    auto& connection = *static_cast<Connection*>(self);
    if (Clock::now() > connection.end_) {
      connection.why_ = fmt::format("it takes longer than {} seconds", connection.limits_.seconds);
      return 1;
    }
    if (connection.limits_.interrupted && connection.limits_.interrupted()) {
      connection.why_ = "interrupted";
      return 1;
    }
    return 0;
  }

  SqlLimits limits_;
  MemoryBound memory_;
  sqlite3* db_ = nullptr;
  bool filling_ = true;
  Clock::time_point end_;
  std::string why_;  // it was refused
};

SqlDatabase::SqlDatabase(const SqlSchema& schema, const SqlLimits& limits)
    : connection_(std::make_unique<Connection>(limits)) {
  for (const SqlTable& table : schema.tables) connection_->fill(table);
  if (!schema.script.empty()) connection_->run_script(schema.script);
  connection_->close_to_changes();
}

SqlDatabase::~SqlDatabase() = default;

std::vector<SqlRow> SqlDatabase::run(std::string_view query) { return connection_->query(query); }

}  // namespace graft::evaluation
