#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "graft/calibration/repair.h"

// What `graft fuse` does so that a fused model keeps what its adapter has learned.
namespace graft::cli {

struct RepairFlags {
  std::string max_loss_gap = "0.01";
  std::vector<std::string> repair = {"round", "tune", "bits"};

  /// Whether the loss is held to anything.
  bool any() const { return max_loss_gap != "none"; }
  /// Throws UsageError for what makes no sense.
  calibration::RepairOptions options() const;
};

void add_repair_options(CLI::App& command, RepairFlags& flags);

/// A table: what was done, and what came of it.
void print_repair(const calibration::RepairReport& report, const std::string& data);

/// The error of a model whose loss is too far from the adapted one's.
[[noreturn]] void fail_repair(const calibration::RepairReport& report, const RepairFlags& flags);

}  // namespace graft::cli
