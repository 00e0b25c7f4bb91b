#pragma once

#include <optional>
#include <string>

#include "graft/base/target_lock.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapters.h"

namespace graft::training {

/// How far a training has come, as recorded in its file.
struct Progress {
  struct Validation {
    int iteration;
    double loss;
  };

  int iteration = 0;
  std::optional<double> train_loss = {};  // mean of the last report
  std::optional<Validation> valid = {};   // the last one
};

/// The file that a training writes its adapter to; no other process may do so meanwhile.
class Checkpoint {
 public:
  /// Throws Error if another process writes the file. `provenance`: its last step is this training,
  /// without its results. Both go into the file.
  Checkpoint(fs::path file, std::string base_fingerprint, io::Provenance provenance);

  const fs::path& file() const { return file_; }
  /// Writes the file atomically.
  void save(const lora::Adapters& adapters, const Progress& progress) const;
  /// Writes another file, "adapters.diverged.npz" beside "adapters.npz", and returns its path: what
  /// is worth keeping, but not worth overwriting the last save for.
  fs::path save_aside(const lora::Adapters& adapters, const Progress& progress) const;

 private:
  void write(const fs::path& file, const lora::Adapters& adapters, const Progress& progress) const;

  fs::path file_;
  TargetLock lock_;
  std::string base_fingerprint_;
  io::Provenance provenance_;
};

}  // namespace graft::training
