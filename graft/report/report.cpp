#include "graft/report/report.h"

#include <string_view>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/report/page.h"

namespace graft::report {
namespace {

constexpr int kSchema = 1;
constexpr std::string_view kMark = "/*GRAFT_DATA*/null";  // where the data goes in the page

ordered_json metrics_json(const Metrics& metrics) {
  ordered_json lines = ordered_json::array();
  for (const TrainReading& reading : metrics.train) lines.push_back(to_json(reading));
  for (const ValidationReading& reading : metrics.validations) lines.push_back(to_json(reading));
  return lines;
}

ordered_json run_json(const Run& run) {
  ordered_json object = to_json(run.facts);
  object["metrics"] = metrics_json(run.metrics);
  return object;
}

}  // namespace

Run read_run(const RunFolder& folder) {
  if (!is_there(folder.metrics())) {
    fail("{} has no {}: it is no folder of a training's records", folder.path.string(),
         folder.metrics().filename().string());
  }
  Run run;
  run.metrics = read_metrics(folder.metrics());
  if (is_there(folder.facts())) run.facts = read_facts(folder.facts());
  if (run.facts.name.empty()) run.facts.name = folder.name();
  return run;
}

ordered_json report_json(std::span<const Run> runs) {
  ordered_json all = ordered_json::array();
  for (const Run& run : runs) all.push_back(run_json(run));
  return {{"version", kSchema},
          {"program", "graft " GRAFT_VERSION},
          {"runs", std::move(all)},
          {"learning_rate_search", nullptr}};
}

std::string report_page(const ordered_json& data) {
  // A text may hold bytes that are no UTF-8.
  const std::string json = data.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  const std::string_view page = page_template();
  const size_t mark = page.find(kMark);
  std::string result(page.substr(0, mark));
  for (const char c : json) {
    if (c == '<') {
      result += "\\u003c";  // "</script>" would end the data
    } else {
      result += c;
    }
  }
  result += page.substr(mark + kMark.size());
  return result;
}

void write_search_report(const fs::path& path, const training::LearningRateSearch& search) {
  ordered_json points = ordered_json::array();
  for (const auto& [rate, loss, smoothed] : search.points) {
    points.push_back({{"learning_rate", rate}, {"loss", loss}, {"smoothed", smoothed}});
  }
  ordered_json data = report_json({});
  data["learning_rate_search"] = {
      {"points", std::move(points)},
      {"suggested", search.suggested ? ordered_json(*search.suggested) : ordered_json()}};
  write_text(path, report_page(data));
}

void write_report(const fs::path& path, std::span<const Run> runs) {
  write_text(path, report_page(report_json(runs)));
}

}  // namespace graft::report
