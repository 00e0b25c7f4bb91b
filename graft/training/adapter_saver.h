#pragma once

#include "graft/base/target_lock.h"
#include "graft/lora/adapter_file.h"
#include "graft/training/progress.h"

namespace graft::training {

/// The file that a training writes its adapter to; no other process may do so meanwhile.
class AdapterSaver {
 public:
  /// Throws Error if another process writes the file. `origin` goes into it; the last step of its
  /// provenance is this training, without its results, and "iters" of its config is what is done.
  AdapterSaver(fs::path file, lora::AdapterOrigin origin);

  const fs::path& file() const { return file_; }
  /// Writes the file atomically.
  void save(const lora::Adapters& adapters, const Progress& progress) const;
  /// Writes the same to another file.
  void save_as(const fs::path& file, const lora::Adapters& adapters,
               const Progress& progress) const;

 private:
  fs::path file_;
  TargetLock lock_;
  lora::AdapterOrigin origin_;
};

}  // namespace graft::training
