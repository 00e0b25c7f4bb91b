#include "graft/report/metrics_file.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "graft/base/atomic_file.h"

namespace graft::report {
namespace {

constexpr size_t kMostBytes = size_t{128} << 20;  // half a million lines
constexpr size_t kMostBytesOfLine = 4096;

template <class Reading>
void add(const json& object, std::vector<Reading>& to, size_t& broken) {
  Reading reading;
  if (read_reading(object, reading)) {
    to.push_back(reading);
  } else {
    ++broken;
  }
}

void read_line(std::string_view line, Metrics& metrics) {
  if (line.empty() || line == "\r") return;
  json object;
  if (line.size() <= kMostBytesOfLine) object = json::parse(line, nullptr, false);
  if (!object.is_object() || !object.contains("kind")) {
    ++metrics.broken;
  } else if (object["kind"] == "train") {
    add(object, metrics.train, metrics.broken);
  } else if (object["kind"] == "validation") {
    add(object, metrics.validations, metrics.broken);
  }
}

struct Line {
  std::string_view text;
  ReadingKind kind;
  int64_t step;
};

// The lines that are readings.
std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    Metrics one;
    read_line(text.substr(0, end), one);
    if (!one.train.empty()) {
      lines.push_back({text.substr(0, end), ReadingKind::train, one.train[0].step});
    } else if (!one.validations.empty()) {
      lines.push_back({text.substr(0, end), ReadingKind::validation, one.validations[0].step});
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void write_lines(const fs::path& path, const std::vector<Line>& lines) {
  AtomicFile file(path);
  for (const Line& line : lines) file.write(std::string(line.text) + "\n");
  file.commit();
}

}  // namespace

Metrics read_metrics(const fs::path& path) {
  const std::string text = read_text(path, kMostBytes);
  Metrics metrics;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    read_line(rest.substr(0, end), metrics);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return metrics;
}

void drop_after(const fs::path& path, int64_t step) {
  const std::string text = read_text(path, kMostBytes);
  std::vector<Line> lines = lines_of(text);
  std::erase_if(lines, [&](const Line& line) { return line.step > step; });
  write_lines(path, lines);
}

void drop_repeated(const fs::path& path, int64_t step, ReadingKind kind) {
  const std::string text = read_text(path, kMostBytes);
  std::vector<Line> lines = lines_of(text);
  const auto is_such = [&](const Line& line) { return line.step == step && line.kind == kind; };
  const std::ptrdiff_t stay = kind == ReadingKind::validation && step == 1 ? 1 : 0;
  if (std::count_if(lines.begin(), lines.end(), is_such) <= stay) return;
  lines.erase(std::next(std::find_if(lines.rbegin(), lines.rend(), is_such)).base());
  write_lines(path, lines);
}

}  // namespace graft::report
