#include "graft/base/atomic_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/hash.h"
#include "graft/base/open_file.h"

namespace graft {
namespace {

// The folder that `target` stands for; its parents are made.
fs::path output_folder(const fs::path& target) {
  const fs::path folder = resolved_target(without_trailing_slash(target));
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (error) fail("cannot create {}: {}", folder.string(), error.message());
  return folder;
}

// The same, found fit to be replaced; it is locked.
const fs::path& prepared(const fs::path& target, const Replaced& replaced) {
  recover_folder(target);
  check_replaceable(target, replaced);
  const FileIdentity its = FileIdentity::of(target), nothing;
  const FileIdentity above =
      FileIdentity::of(target.has_parent_path() ? target.parent_path() : ".");
  if (its != nothing && above != nothing && its.device != above.device) {
    fail_usage("{} is where another disk is mounted, and can't be exchanged: name a folder in it",
               target.string());
  }
  return target;
}

// Renames a folder to "<target>.earlier", or with a number behind it. Returns where it is now.
fs::path keep_as_earlier(const fs::path& folder, const fs::path& target) {
  for (int number = 1; number < 100; ++number) {
    const fs::path kept =
        target.string() + ".earlier" + (number == 1 ? "" : fmt::format(".{}", number));
    std::error_code error;
    if (fs::exists(fs::symlink_status(kept, error))) continue;
    fs::rename(folder, kept, error);
    if (!error) return kept;
  }
  return folder;
}

std::vector<std::string> replaced_files(const fs::path& target, const Replaced& replaced) {
  std::error_code ignored;
  if (!fs::exists(target, ignored)) return {};
  if (fs::is_directory(target, ignored) && fs::is_empty(target, ignored)) return {};
  if (!fs::is_directory(target, ignored)) {
    fail_usage("{} exists and is not a folder: name another", target.string());
  }
  return replaced(target);
}

// False if the system or the file system cannot do it in one step.
bool exchange_at_once(const fs::path& made, const fs::path& target) {
#if defined(__linux__)
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    return true;
  }
#elif defined(__APPLE__)
  if (::renamex_np(made.c_str(), target.c_str(), RENAME_SWAP) == 0) return true;
#else
  errno = ENOTSUP;
#endif
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP || errno == EOPNOTSUPP) return false;
  fail("cannot replace {}: {}", target.string(), std::strerror(errno));
}

void rename_over(const fs::path& from, const fs::path& to, const fs::path& target) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) fail("cannot replace {}: {}", target.string(), error.message());
}

}  // namespace

void check_replaceable(const fs::path& target, const Replaced& replaced) {
  replaced_files(target, replaced);
}

fs::path set_aside(const fs::path& target) {
  return target.parent_path() /
         fmt::format(".graft-{:016x}.old", fnv1a(target.filename().string()));
}

void recover_folder(const fs::path& target) {
  const fs::path aside = set_aside(target);
  std::error_code ignored;
  if (!fs::is_directory(fs::symlink_status(aside, ignored))) return;
  if (fs::exists(target, ignored)) {
    keep_as_earlier(aside, target);  // the process died after the exchange
  } else {
    fs::rename(aside, target, ignored);
  }
}

void recover_idle_folder(const fs::path& target) {
  std::error_code ignored;
  const fs::path folder = without_trailing_slash(target);
  if (fs::exists(folder, ignored) || !fs::exists(set_aside(folder), ignored)) return;
  try {
    const TargetLock lock(folder);
    recover_folder(folder);
  } catch (const Error&) {  // somebody is at it, or it is not ours to write
  }
}

void exchange_folders_in_two_steps(const fs::path& made, const fs::path& target) {
  const fs::path aside = set_aside(target);
  rename_over(target, aside, target);
  try {
    rename_over(made, target, target);
  } catch (const Error&) {
    std::error_code ignored;
    fs::rename(aside, target, ignored);
    throw;
  }
  rename_over(aside, made, target);
}

AtomicFolder::AtomicFolder(const fs::path& target, Replaced replaced)
    : target_(output_folder(target)),
      replaced_(std::move(replaced)),
      lock_(target_),
      temporary_(prepared(target_, replaced_), Temporary::Kind::folder) {}

void AtomicFolder::commit() {
  // Files may have come since.
  const std::vector<std::string> files = replaced_files(target_, replaced_);
  sync_folder(temporary_.path());
  // The earlier folder gets the temporary's name, under which nobody must sweep it.
  const int earlier = ::open(target_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (earlier < 0) {
    rename_over(temporary_.path(), target_, target_);
    temporary_.give_away();
    return sync_folder(target_.parent_path());
  }
  const std::unique_ptr<const int, void (*)(const int*)> closed(
      &earlier, [](const int* descriptor) { ::close(*descriptor); });
  ::flock(earlier, LOCK_EX | LOCK_NB);
  struct stat status {};
  if (::fstat(earlier, &status) == 0) {
    ::fchmod(temporary_.descriptor(), status.st_mode & 07777);
  }
  if (!exchange_at_once(temporary_.path(), target_)) {
    exchange_folders_in_two_steps(temporary_.path(), target_);
  }
  sync_folder(target_.parent_path());
  temporary_.give_away();
  std::error_code error;
  for (const std::string& file : files) fs::remove(temporary_.path() / file, error);
  if (::rmdir(temporary_.path().c_str()) == 0) return;
  fail("{} is written, but files came into the earlier folder meanwhile: they are in {}",
       target_.string(), keep_as_earlier(temporary_.path(), target_).string());
}

}  // namespace graft
