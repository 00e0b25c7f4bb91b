// The comparison of results.

#include <algorithm>

#include "graft/evaluation/number.h"
#include "graft/evaluation/sql_database.h"
#include "graft/evaluation/text.h"

namespace graft::evaluation {
namespace {

// NULL, numbers, texts, bytes.
int rank_of(const SqlValue& value) {
  constexpr int kRanks[] = {0, 1, 1, 2, 3};
  return kRanks[value.index()];
}

double number_at(const SqlValue& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  return std::get<double>(value);
}

const std::string& bytes_at(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return std::get<SqlBlob>(value).bytes;
}

bool less(const SqlValue& a, const SqlValue& b) {
  const int rank = rank_of(a);
  if (rank != rank_of(b)) return rank < rank_of(b);
  if (rank == 0) return false;
  return rank == 1 ? number_at(a) < number_at(b) : bytes_at(a) < bytes_at(b);
}

bool equal_values(const SqlValue& a, const SqlValue& b, double tolerance) {
  const int rank = rank_of(a);
  if (rank != rank_of(b)) return false;
  if (rank == 0) return true;
  return rank == 1 ? close(number_at(a), number_at(b), tolerance) : bytes_at(a) == bytes_at(b);
}

bool row_less(const SqlRow& a, const SqlRow& b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), less);
}

// Where a quoted text or comment that begins at `i` ends, or `i`.
size_t after_opaque(std::string_view text, size_t i) {
  const auto behind = [&](std::string_view end, size_t from) {
    const size_t found = text.find(end, from);
    return found == std::string_view::npos ? text.size() : found + end.size();
  };
  const std::string_view rest = text.substr(i);
  if (rest.starts_with("--")) return behind("\n", i);
  if (rest.starts_with("/*")) return behind("*/", i + 2);
  if (rest[0] == '[') return behind("]", i);
  if (rest[0] == '\'' || rest[0] == '"' || rest[0] == '`') return behind(rest.substr(0, 1), i + 1);
  return i;
}

}  // namespace

bool equal_rows(std::vector<SqlRow> a, std::vector<SqlRow> b, bool ordered, double tolerance) {
  if (a.size() != b.size()) return false;
  if (!ordered) {
    std::sort(a.begin(), a.end(), row_less);
    std::sort(b.begin(), b.end(), row_less);
  }
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    for (size_t j = 0; j < a[i].size(); ++j) {
      if (!equal_values(a[i][j], b[i][j], tolerance)) return false;
    }
  }
  return true;
}

bool has_outer_order(std::string_view query) {
  const std::string text = ascii_lower(query);
  std::string previous;
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    if (const size_t after = after_opaque(text, i); after != i) {
      i = after;
      continue;
    }
    const char c = text[i];
    if (c == '(') ++depth;
    if (c == ')') --depth;
    if (c >= 'a' && c <= 'z') {
      size_t end = i;
      while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || text[end] == '_' ||
                                   (text[end] >= '0' && text[end] <= '9'))) {
        ++end;
      }
      std::string word = text.substr(i, end - i);
      if (depth == 0 && word == "by" && previous == "order") return true;
      previous = std::move(word);
      i = end;
      continue;
    }
    ++i;
  }
  return false;
}

}  // namespace graft::evaluation
