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

template <class Reading>
std::vector<std::pair<int64_t, std::string>> lines_until(const std::vector<Reading>& readings,
                                                         int64_t step) {
  std::vector<std::pair<int64_t, std::string>> lines;
  for (const Reading& reading : readings) {
    if (reading.step <= step) lines.emplace_back(reading.step, to_json(reading).dump() + "\n");
  }
  return lines;
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

void drop_after(const fs::path& path, int64_t step, int64_t last_validation) {
  const Metrics metrics = read_metrics(path);
  auto lines = lines_until(metrics.train, step);
  const auto validations = lines_until(metrics.validations, last_validation);
  lines.insert(lines.end(), validations.begin(), validations.end());
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  AtomicFile file(path);
  for (const auto& line : lines) file.write(line.second);
  file.commit();
}

}  // namespace graft::report
