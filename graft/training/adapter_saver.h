#pragma once

#include <string>

#include "graft/base/target_lock.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapters.h"
#include "graft/training/progress.h"

namespace graft::training {

/// The file that a training writes its adapter to; no other process may do so meanwhile.
class AdapterSaver {
 public:
  /// Throws Error if another process writes the file. `provenance`: its last step is this training,
  /// without its results. Both go into the file.
  AdapterSaver(fs::path file, std::string base_fingerprint, io::Provenance provenance);

  const fs::path& file() const { return file_; }
  /// Writes the file atomically.
  void save(const lora::Adapters& adapters, const Progress& progress) const;
  /// Writes the same to another file.
  void save_as(const fs::path& file, const lora::Adapters& adapters,
               const Progress& progress) const;

 private:
  fs::path file_;
  TargetLock lock_;
  std::string base_fingerprint_;
  io::Provenance provenance_;
};

}  // namespace graft::training
