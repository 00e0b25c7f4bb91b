#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graft/base/target_lock.h"
#include "graft/base/temporary.h"

namespace graft {

/// Says which files of an earlier folder a new one replaces, by their names. Throws UsageError,
/// which names what is in the way, if the folder holds anything else.
using Replaced = std::function<std::vector<std::string>(const fs::path& earlier)>;

/// An output folder that appears whole: files are written under `path()`, a Temporary, and `commit`
/// exchanges it for `target`, which is locked meanwhile. Through a link, the folder that it leads
/// to is written. If it is destroyed without commit, what was written is removed. Of the earlier
/// folder only the files that `replaced` names are deleted.
class AtomicFolder {
 public:
  /// Throws as check_replaceable and TargetLock do.
  AtomicFolder(const fs::path& target, Replaced replaced);

  const fs::path& path() const { return temporary_.path(); }
  void commit();

 private:
  fs::path target_;
  Replaced replaced_;
  TargetLock lock_;
  Temporary temporary_;
};

/// Throws UsageError if `target` is there and is neither an empty folder nor one that `replaced`
/// allows to replace.
void check_replaceable(const fs::path& target, const Replaced& replaced);

/// Exchanges two folders where the system can't do it in one step: the earlier one steps aside.
void exchange_folders_in_two_steps(const fs::path& made, const fs::path& target);
fs::path set_aside(const fs::path& target);
/// Puts the folder back that stepped aside, if the process died between the two steps; if it died
/// after them, the folder becomes "<target>.earlier". The caller has the target's lock.
void recover_folder(const fs::path& target);
/// The same for a reader of a folder that is not there, unless somebody is writing it.
void recover_idle_folder(const fs::path& target);

}  // namespace graft
