#include "graft/base/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/base/open_file.h"

namespace graft {
namespace {

[[noreturn]] void fail_write(const fs::path& path) {
  std::string why = std::strerror(errno);
  fail("cannot write {}: {}; what was there before is as it was", shown_path(path), why);
}

// A rename would put a file in the place of a device or a pipe.
fs::path regular_target(const fs::path& path) {
  fs::path target = resolved_target(path);
  struct stat status {};
  if (::stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode) &&
      !S_ISDIR(status.st_mode)) {
    fail("cannot write {}: it is no regular file", target.string());
  }
  return target;
}

// The permissions of the file that is replaced, and its owner and group where this user may.
void keep_permissions(int descriptor, const fs::path& earlier) {
  struct stat status {};
  if (::stat(earlier.c_str(), &status) != 0) return;
  const bool own = status.st_uid == ::geteuid() && status.st_gid == ::getegid();
  const bool owned = own || ::fchown(descriptor, status.st_uid, status.st_gid) == 0;
  // Not what would let others be its owner.
  ::fchmod(descriptor, status.st_mode & (owned ? 07777 : 0777));
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path)
    : path_(regular_target(path)), temporary_(path_, Temporary::Kind::file) {}

void AtomicFile::write(const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  written_ += size;
  while (size > 0) {
    ssize_t count = ::write(temporary_.descriptor(), bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_);
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

void AtomicFile::commit() {
  keep_permissions(temporary_.descriptor(), path_);
  if (::fsync(temporary_.descriptor()) != 0 ||
      ::rename(temporary_.path().c_str(), path_.c_str()) != 0) {
    fail_write(path_);
  }
  temporary_.give_away();
  sync_folder(path_.parent_path());
}

void check_writable(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) fail("cannot write {}: it is a folder", path.string());
  AtomicFile probe(path);
}

void write_text(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void copy_file_into(const fs::path& file, const fs::path& folder) {
  const MappedFile source(file);
  AtomicFile copy(folder / file.filename());
  copy.write(source.text());
  source.check_unchanged();
  copy.commit();
}

}  // namespace graft
