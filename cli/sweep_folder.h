#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/report/run_folder.h"

namespace graft::cli {

/// The folder of a sweep: one of each combination by its name, with its adapter, records and
/// checkpoints; sweep.json, which says whose folder it is; and the page that compares.
class SweepFolder {
 public:
  /// Makes the folder, or goes on with it. `settings`: what all combinations have in common;
  /// `varied`: the names of the settings that they do not. Throws UsageError if it is another
  /// sweep's, with what differs, and Error if it holds other things.
  SweepFolder(fs::path path, std::map<std::string, std::string> settings,
              std::set<std::string> varied);

  fs::path adapter(const std::string& name) const { return path_ / name / "adapters.npz"; }
  report::RunFolder records(const std::string& name) const {
    return report::RunFolder::of_adapter(adapter(name));
  }
  fs::path page() const { return path_ / "report.html"; }

  /// Whether a combination's training has come to its end.
  bool finished(const std::string& name) const;
  /// Whether it has left a checkpoint to go on from.
  bool resumable(const std::string& name) const;
  /// Why it cannot come to its end; none if it can.
  std::optional<std::string> diverged(const std::string& name) const;
  /// Before it is trained.
  void make(const std::string& name) const;
  void set_diverged(const std::string& name, const std::string& why);

 private:
  bool begun() const;
  void read();
  void write() const;

  fs::path path_;
  std::map<std::string, std::string> settings_;
  std::set<std::string> varied_;
  std::map<std::string, std::string> diverged_;
};

}  // namespace graft::cli
