#include "graft/base/atomic_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/hash.h"
#include "graft/base/open_file.h"

namespace graft {
namespace {

// The folder that `target` stands for; its parents are made.
fs::path prepared(const fs::path& target, const Replaced& replaced) {
  const fs::path folder = resolved_target(without_trailing_slash(target));
  recover_folder(folder);
  check_replaceable(folder, replaced);
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (error) fail("cannot create {}: {}", folder.string(), error.message());
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
    fs::remove_all(aside, ignored);  // the process died after the exchange
  } else {
    fs::rename(aside, target, ignored);
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
    : target_(prepared(target, replaced)),
      replaced_(std::move(replaced)),
      lock_(target_),
      temporary_(target_, Temporary::Kind::folder) {}

void AtomicFolder::commit() {
  // Files may have come since.
  const std::vector<std::string> files = replaced_files(target_, replaced_);
  sync_folder(temporary_.path());
  struct stat earlier {};
  if (::stat(target_.c_str(), &earlier) != 0) {
    rename_over(temporary_.path(), target_, target_);
    temporary_.give_away();
    return sync_folder(target_.parent_path());
  }
  ::fchmod(temporary_.descriptor(), earlier.st_mode & 07777);
  if (!exchange_at_once(temporary_.path(), target_)) {
    exchange_folders_in_two_steps(temporary_.path(), target_);
  }
  sync_folder(target_.parent_path());
  // The temporary is the earlier folder now.
  temporary_.give_away();
  std::error_code error;
  for (const std::string& file : files) fs::remove(temporary_.path() / file, error);
  if (::rmdir(temporary_.path().c_str()) == 0) return;
  const fs::path kept = target_.string() + ".earlier";
  fs::rename(temporary_.path(), kept, error);
  fail("{} is written, but files came into the earlier folder meanwhile: they are in {}",
       target_.string(), error ? temporary_.path().string() : kept.string());
}

}  // namespace graft
