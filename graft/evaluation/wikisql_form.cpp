#include "graft/evaluation/wikisql_form.h"

#include <algorithm>
#include <vector>

#include "graft/base/error.h"
#include "graft/evaluation/number.h"
#include "graft/evaluation/text.h"

namespace graft::evaluation {
namespace {

constexpr std::string_view kAggregates[] = {"max", "min", "count", "sum", "avg"};
constexpr std::string_view kOperators[] = {">=", "<=", "!=", "<>", "=", ">", "<"};
constexpr size_t kMostBytes = 10000;

class Reader {
 public:
  Reader(std::string_view text, const SqlTable& table)
      : text_(text), lower_(ascii_lower(text)), table_(table), unreadable_(text.size() + 1) {
    // The longest first: "Date of birth" before "Date".
    for (const SqlColumn& column : table.columns) {
      if (!column.name.empty()) columns_.push_back({ascii_lower(column.name), &column});
    }
    std::stable_sort(columns_.begin(), columns_.end(),
                     [](const auto& a, const auto& b) { return a.lower.size() > b.lower.size(); });
  }

  std::optional<std::string> read() {
    const std::string from = " from " + ascii_lower(table_.name);
    if (!at(0, "select ")) return {};
    // A column may begin with an aggregate's name.
    for (int i = -1; i < static_cast<int>(std::size(kAggregates)); ++i) {
      size_t begin = 7;
      std::string_view aggregate;
      if (i >= 0) {
        aggregate = kAggregates[i];
        if (!at(begin, std::string(aggregate) + " ")) continue;
        begin += aggregate.size() + 1;
      }
      for (const Column& column : columns_) {
        if (!at(begin, column.lower + from)) continue;
        const size_t end = begin + column.lower.size() + from.size();
        const std::string selected = sql_quoted(column.column->name, '"');
        std::string sql =
            fmt::format("SELECT {} FROM {}",
                        aggregate.empty() ? selected : fmt::format("{}({})", aggregate, selected),
                        sql_quoted(table_.name, '"'));
        if (end == text_.size()) return sql;
        if (!at(end, " where ")) continue;
        if (const auto conditions = conditions_from(end + 7)) return sql + " WHERE " + *conditions;
      }
    }
    return {};
  }

 private:
  struct Column {
    std::string lower;
    const SqlColumn* column;
  };

  bool at(size_t place, std::string_view expected) const {
    return std::string_view(lower_).substr(std::min(place, lower_.size())).starts_with(expected);
  }

  // All conditions from a place on. A place from which they cannot be read is looked at once.
  std::optional<std::string> conditions_from(size_t begin) {
    if (unreadable_[begin] || depth_ == 100) return {};
    ++depth_;
    std::optional<std::string> found;
    for (const Column& column : columns_) {
      if (found || !at(begin, column.lower + " ")) continue;
      const size_t after_name = begin + column.lower.size() + 1;
      for (const std::string_view op : kOperators) {
        if (found || !at(after_name, op)) continue;
        size_t value = after_name + op.size();
        if (value < text_.size() && text_[value] == ' ') ++value;
        found =
            value_from(value, sql_quoted(column.column->name, '"') + ' ' + std::string(op) + ' ',
                       column.column->is_text);
      }
    }
    --depth_;
    if (!found) unreadable_[begin] = true;
    return found;
  }

  // A value, and the conditions behind it.
  std::optional<std::string> value_from(size_t begin, const std::string& before, bool is_text) {
    const bool quote = begin < text_.size() && text_[begin] == '\'';
    const size_t first = begin + (quote ? 1 : 0);
    for (size_t end = first; end <= text_.size(); ++end) {
      if (quote && (end == text_.size() || text_[end] != '\'')) continue;
      const size_t after = end + (quote ? 1 : 0);
      const bool last = after == text_.size();
      if (!last && !at(after, " and ")) continue;
      const std::string value = literal(text_.substr(first, end - first), quote, is_text);
      if (value.empty()) continue;
      if (last) return before + value;
      if (const auto rest = conditions_from(after + 5)) return before + value + " AND " + *rest;
    }
    return {};
  }

  static std::string literal(std::string_view value, bool quote, bool is_text) {
    if (quote && is_text) return sql_quoted(value, '\'');
    if (!is_text && whole_number(value)) {
      std::string digits(value);
      std::erase(digits, ',');
      return digits;
    }
    return quote || !value.empty() ? sql_quoted(value, '\'') : std::string();
  }

  std::string_view text_;
  std::string lower_;
  const SqlTable& table_;
  std::vector<Column> columns_;
  std::vector<bool> unreadable_;
  int depth_ = 0;
};

}  // namespace

std::optional<std::string> standard_sql(std::string_view query, const SqlTable& table) {
  std::string_view text = trimmed(query);
  while (text.ends_with(';')) text = trimmed(text.substr(0, text.size() - 1));
  if (text.size() > kMostBytes || text.find('\0') != std::string_view::npos) return {};
  return Reader(text, table).read();
}

}  // namespace graft::evaluation
