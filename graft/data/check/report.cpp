#include "graft/data/check/report.h"

#include <fmt/format.h>

#include <numeric>

namespace graft::data::check {

std::string grouped(int64_t number) {
  std::string text = std::to_string(number);
  const size_t first = text.starts_with('-') ? 1 : 0;
  for (size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

int64_t ProblemList::count() const {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

int64_t Report::problem_count() const {
  int64_t count = 0;
  for (const ProblemList& list : problems) count += list.count();
  return count;
}

std::string not_trained_on(const SourceReport& source) {
  if (source.compared == 0) return "";
  return fmt::format("{} records: this version checks and shows them, it does not train on them",
                     source.format);
}

std::string Report::place_text(const Place& place) const {
  const std::string& file = files[place.file];
  return place.line == 0 ? file : fmt::format("{}:{}", file, place.line);
}

}  // namespace graft::data::check
