#include "cli/repair_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "cli/output.h"
#include "graft/base/error.h"
#include "graft/base/text_table.h"

namespace graft::cli {
namespace {

using calibration::Repair;

TableRow row_of(const calibration::Measured& one, const calibration::RepairReport& report) {
  const double gained = report.base.loss - report.adapted.loss;
  const double kept = report.base.loss - one.loss;
  return {one.what, fmt::format("{:.2f}", static_cast<double>(one.bytes) / 1e6),
          fmt::format("{:.4f}", one.loss), fmt::format("{:.5f}", one.divergence),
          gained > 0 ? fmt::format("{:.1f}%", 100 * kept / gained) : "-"};
}

}  // namespace

calibration::RepairOptions RepairFlags::options() const {
  calibration::RepairOptions options{.steps = {}};
  char* end = nullptr;
  options.max_loss_gap = std::strtod(max_loss_gap.c_str(), &end);
  if (max_loss_gap.empty() || *end != '\0' || !(options.max_loss_gap >= 0) ||
      !std::isfinite(options.max_loss_gap)) {
    fail_usage("--max-loss-gap {}: give a number of at least 0, or none", max_loss_gap);
  }
  if (repair == std::vector<std::string>{"none"}) return options;
  for (const std::string& name : repair) options.steps.push_back(calibration::repair_named(name));
  return options;
}

void add_repair_options(CLI::App& command, RepairFlags& flags) {
  command.add_option("--max-loss-gap", flags.max_loss_gap,
                     "How far the loss of a fused model with quantized layers may be above the "
                     "adapted one's, on --data, --check, or the data that the adapter was trained "
                     "on; beyond it nothing is written. none: any");
  command
      .add_option("--repair", flags.repair,
                  "What is done, in turn, while it is beyond that: round (rounding for what the "
                  "layers read), tune (scales and biases, on the adapted model's predictions), "
                  "bits (more, for the layers that gain most per byte), remainder (layers that "
                  "keep their adapter, in a file beside the model); or none")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void print_repair(const calibration::RepairReport& report, const std::string& data) {
  print_out("On {}, and the adapted layers' size:\n", data);
  std::vector<TableRow> rows = {{"", "MB", "loss", "KL", "kept"}};
  rows.push_back(row_of(report.base, report));
  rows.back()[3] = "-";
  rows.push_back(row_of(report.adapted, report));
  for (const calibration::Measured& one : report.steps) rows.push_back(row_of(one, report));
  print_out("{}", text_table(rows));
}

void fail_repair(const calibration::RepairReport& report, const RepairFlags& flags) {
  std::string tried;
  for (const calibration::Measured& one : report.steps) {
    tried += (tried.empty() ? "" : ", ") + one.what;
  }
  // What was not on.
  const std::vector<Repair> on = flags.options().steps;
  std::vector<std::string> more;
  for (const Repair step : calibration::all_repairs()) {
    if (std::find(on.begin(), on.end(), step) == on.end()) more.push_back(name_of(step));
  }
  fail(
      "the fused model's loss is {:.4f}, {:.4f} above the adapted one's, but --max-loss-gap is {} "
      "(tried: {}). Far from their adapted weights are {}. Nothing was written: --fused-bits none "
      "{}"
      "keeps more",
      report.steps.back().loss, report.steps.back().loss - report.adapted.loss, flags.max_loss_gap,
      tried, fmt::join(report.worst, ", "),
      more.empty() ? "" : fmt::format("or --repair with {}, too, ", fmt::join(more, ", ")));
}

}  // namespace graft::cli
