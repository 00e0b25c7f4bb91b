#include "graft/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graft/base/text_table.h"
#include "graft/report/summary.h"

namespace graft::report {
namespace {

ordered_json setting_of(const Run& run, const std::string& name) {
  const auto found = run.facts.config.find(name);
  return found == run.facts.config.end() ? ordered_json() : *found;
}

// A line break in a text is not to break a line of the table.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return text;
}

std::string setting_text(const ordered_json& value) {
  if (value.is_null()) return "–";
  if (value.is_string()) return one_line(value.get<std::string>());
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string loss_text(double loss) { return std::isnan(loss) ? "–" : fmt::format("{:.3f}", loss); }

}  // namespace

std::vector<std::string> differing_settings(std::span<const Run> runs) {
  std::vector<std::string> names;
  for (const Run& run : runs) {
    for (const auto& item : run.facts.config.items()) {
      const bool differs = std::any_of(runs.begin(), runs.end(), [&](const Run& other) {
        return setting_of(other, item.key()) != item.value();
      });
      if (differs && std::find(names.begin(), names.end(), item.key()) == names.end()) {
        names.push_back(item.key());
      }
    }
  }
  return names;
}

std::string comparison_table(std::span<const Run> runs) {
  const std::vector<std::string> settings = differing_settings(runs);
  std::vector<TableRow> rows(1);
  rows.front().emplace_back("run");
  rows.front().insert(rows.front().end(), settings.begin(), settings.end());
  for (const char* name : {"loss before", "after", "best", "at step"}) {
    rows.front().emplace_back(name);
  }
  for (const Run& run : runs) {
    TableRow row = {one_line(run.facts.name)};
    for (const std::string& name : settings) row.push_back(setting_text(setting_of(run, name)));
    const Losses losses = losses_of(run.metrics);
    for (const double loss : {losses.before, losses.after, losses.best}) {
      row.push_back(loss_text(loss));
    }
    row.push_back(std::isnan(losses.best) ? "–" : fmt::format("{}", losses.best_step));
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

}  // namespace graft::report
