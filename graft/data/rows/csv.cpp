#include "graft/data/rows/csv.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/unicode/unicode.h"

namespace graft::data {
namespace {

constexpr size_t kNotFound = std::string_view::npos;

// Behind the quoted field that begins at `begin`: its closing quote is the one before. npos if it
// is not closed.
size_t end_of_quoted(std::string_view text, size_t begin) {
  for (size_t at = begin + 1;;) {
    const size_t quote = text.find('"', at);
    if (quote == kNotFound) return kNotFound;
    if (quote + 1 == text.size() || text[quote + 1] != '"') return quote + 1;
    at = quote + 2;
  }
}

// Where the row ends that `text` begins with: at its LF or CR, or at the end of the text.
struct RowEnd {
  size_t at = 0;
  size_t open_quote = kNotFound;  // of a field that is not closed
};

RowEnd end_of_row(std::string_view text, char separator) {
  const auto is_end = [&](char c) { return c == separator || c == '\n' || c == '\r'; };
  for (size_t at = 0;;) {
    if (at < text.size() && text[at] == '"') {
      const size_t behind = end_of_quoted(text, at);
      if (behind == kNotFound) return {text.size(), at};
      at = behind;
    }
    while (at < text.size() && !is_end(text[at])) ++at;
    if (at == text.size()) return {at};
    if (text[at] != separator) return {at};
    ++at;
  }
}

// Lines that end in a text: in LF, CR LF or CR.
int64_t line_ends(std::string_view text) {
  int64_t count = std::count(text.begin(), text.end(), '\n');
  for (size_t at = text.find('\r'); at != kNotFound; at = text.find('\r', at + 1)) {
    if (at + 1 == text.size() || text[at + 1] != '\n') ++count;
  }
  return count;
}

// A field and the text behind it; `more` if a separator stood between.
struct Field {
  std::string value;
  bool more = false;
};

// Takes the first field off a row.
Field take_field(std::string_view& row, char separator, const std::string& where) {
  Field field;
  if (row.starts_with('"')) {
    const size_t behind = std::min(end_of_quoted(row, 0), row.size());
    std::string_view quoted = row.substr(1, behind - 2);
    for (size_t quote; (quote = quoted.find("\"\"")) != kNotFound;) {
      field.value += quoted.substr(0, quote + 1);
      quoted.remove_prefix(quote + 2);
    }
    field.value += quoted;
    row.remove_prefix(behind);
    if (!row.empty() && row.front() != separator) {
      fail("{}: {} stands behind the closing quote of a field: quotes in one are doubled", where,
           io::in_quotes(row.substr(0, 20)));
    }
  } else {
    const size_t end = std::min(row.find(separator), row.size());
    field.value = row.substr(0, end);
    row.remove_prefix(end);
  }
  field.more = !row.empty();
  if (field.more) row.remove_prefix(1);
  return field;
}

std::vector<std::string> fields_of(std::string_view row, char separator, const std::string& where) {
  const size_t valid = unicode::valid_prefix(row);
  if (valid < row.size()) fail("{}: not valid UTF-8 at byte {}", where, valid + 1);
  std::vector<std::string> fields;
  for (bool more = true; more;) {
    Field field = take_field(row, separator, where);
    fields.push_back(std::move(field.value));
    more = field.more;
  }
  return fields;
}

class CsvRows : public RowReader {
 public:
  CsvRows(Window window, char separator) : window_(std::move(window)), separator_(separator) {
    RawRow header;
    if (!next(header)) {
      fail("{}: it is empty: a header with the names of the columns is expected", name());
    }
    const std::string where = fmt::format("{}:{}", name(), header.line);
    names_ = fields_of(header.text, separator_, where);
    std::set<std::string_view> seen;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].empty()) {
        fail("{}: column {} has no name in the header (pandas writes its index so: index=False)",
             where, i + 1);
      }
      if (!seen.insert(names_[i]).second) {
        fail("{}: two columns are named {} in the header", where, io::in_quotes(names_[i]));
      }
    }
  }

  bool next(RawRow& row) override {
    for (;;) {
      RowEnd end;
      // A CR needs the character behind it.
      while (end = end_of_row(window_.rest(), separator_),
             end.at + 1 >= window_.rest().size() && window_.more(line_)) {
      }
      const std::string_view rest = window_.rest();
      if (rest.empty()) return false;
      if (end.open_quote != kNotFound) {
        fail("{}:{}: the quote that begins a field here is not closed", name(),
             line_ + line_ends(rest.substr(0, end.open_quote)));
      }
      const std::string_view text = rest.substr(0, end.at);
      const int64_t line = line_;
      line_ += line_ends(text) + 1;
      if (end.at > 0) {
        row.text.assign(text);
        row.line = line;
      }
      const bool two = rest.substr(end.at).starts_with("\r\n");
      window_.skip(std::min(end.at + (two ? 2 : 1), rest.size()));
      if (end.at > 0) return true;
    }
  }

  ordered_json parse(const RawRow& row) const override {
    const std::string where = fmt::format("{}:{}", name(), row.line);
    std::vector<std::string> fields = fields_of(row.text, separator_, where);
    if (fields.size() != names_.size()) {
      fail("{}: {} field{}, where the header has {}", where, fields.size(),
           fields.size() == 1 ? "" : "s", names_.size());
    }
    // As its elements are, for the object would search itself for each name.
    ordered_json::object_t::Container members;
    members.reserve(fields.size());
    for (size_t i = 0; i < fields.size(); ++i) {
      members.emplace_back(names_[i], std::move(fields[i]));
    }
    ordered_json object = ordered_json::object();
    auto& place = object.get_ref<ordered_json::object_t&>();
    static_cast<ordered_json::object_t::Container&>(place) = std::move(members);
    return object;
  }

  double done() const override { return window_.done(); }

 private:
  const std::string& name() const { return window_.name(); }

  Window window_;
  char separator_;
  std::vector<std::string> names_;
  int64_t line_ = 1;
};

}  // namespace

std::unique_ptr<RowReader> csv_rows(Window window, char separator) {
  return std::make_unique<CsvRows>(std::move(window), separator);
}

}  // namespace graft::data
