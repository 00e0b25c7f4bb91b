#pragma once

#include <optional>
#include <string>

#include "graft/base/front_end.h"
#include "graft/base/target_lock.h"
#include "graft/training/adapter_saver.h"
#include "graft/training/identity.h"
#include "graft/training/snapshot.h"

namespace graft::training {

/// A checkpoint: a folder with the adapter as a file of its own, "training.safetensors" with what
/// the optimizer keeps, and "checkpoint.json", which has everything else and the sizes and hashes
/// of the others.
struct Checkpoint {
  fs::path folder;
  fs::path adapter_file;
  Identity identity;
  json numbers;  // of its snapshot

  std::string trained_name;  // of the adapter file that its training writes

  /// That file, if the checkpoint lies where its training put it.
  std::optional<fs::path> trained_file() const;
  int iteration() const { return numbers.at("progress").at("iteration").get<int>(); }

  /// Throws Error, which names the file, if one is missing, cut or changed, or the checkpoint is of
  /// a version that this program does not know.
  static Checkpoint read(const fs::path& folder);

  /// The snapshot, with what the optimizer keeps in memory of its own: copies of a checkpoint have
  /// none of it, and who restores from it holds it once. Throws Error if the file changed
  /// meanwhile.
  SnapshotParts read_parts() const;

 private:
  json arrays_;  // size and hash of their file
};

/// The checkpoints of a training: "adapters.checkpoints/step-000400" beside "adapters.npz", and
/// beside an "adapters.safetensors", whose training would replace them.
class Checkpoints {
 public:
  /// `keep`: how many of the newest stay; that of the best validation stays too. Throws Error if
  /// another process writes checkpoints there.
  Checkpoints(const fs::path& adapter_file, int keep, Identity identity);

  /// The folder of an adapter's checkpoints.
  static fs::path folder_of(const fs::path& adapter_file);
  /// The iterations that an adapter's newest checkpoint has done, if its training has not come to
  /// its end.
  static std::optional<int> unfinished(const fs::path& adapter_file);
  /// The newest that is whole; others are named in warnings. Throws Error if there is none.
  static Checkpoint newest(const fs::path& folder, FrontEnd& front_end);
  /// The checkpoint that a user names: its folder, a folder of several, or their adapter's file or
  /// folder, of which the newest is taken. Throws Error if that is of another adapter file.
  static Checkpoint find(const fs::path& path, FrontEnd& front_end);

  /// Those that are there are this training's own, from before it was stopped.
  void go_on() { replaces_others_ = false; }
  /// Writes one, whole or not at all, then deletes those that are not kept, and at first those of
  /// an earlier training: only files that a checkpoint lists. Returns its folder. Throws Error if
  /// it cannot be written.
  fs::path save(const Snapshot& snapshot, const lora::Adapters& adapters,
                const AdapterSaver& saver);

 private:
  static std::optional<fs::path> only_folder_in(const fs::path& folder);
  void write(const fs::path& target, const Snapshot& snapshot, const lora::Adapters& adapters,
             const AdapterSaver& saver) const;
  void prune(const Progress& progress);

  fs::path folder_;
  TargetLock lock_;
  std::string adapter_name_, stored_name_;  // of the training's file, and of that in a checkpoint
  int keep_;
  bool replaces_others_ = true;
  Identity identity_;
};

}  // namespace graft::training
