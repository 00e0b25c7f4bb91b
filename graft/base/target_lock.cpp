#include "graft/base/target_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/base/open_file.h"

namespace graft {
namespace {

constexpr size_t kMostBytes = 200;  // of what a lock says

std::string holder_text() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return fmt::format("process {} on {}", static_cast<long>(::getpid()), host);
}

// Anybody may have written it.
std::string holder_of(int descriptor) {
  char text[kMostBytes];
  const ssize_t size = ::pread(descriptor, text, sizeof text, 0);
  std::string holder(text, static_cast<size_t>(std::max<ssize_t>(size, 0)));
  const bool plain =
      std::all_of(holder.begin(), holder.end(), [](unsigned char c) { return c >= 32 && c < 127; });
  return plain && !holder.empty() ? holder : "another process";
}

}  // namespace

TargetLock::TargetLock(const fs::path& target)
    : path_(target.parent_path() /
            fmt::format(".graft-{:016x}.lock", fnv1a(target.filename().string()))) {
  for (;;) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno == EACCES) {  // another user's, who has died perhaps
      descriptor_ = ::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (descriptor_ < 0) fail("cannot write {}: {}", target.string(), std::strerror(errno));
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return;  // no locks here
      const std::string holder = holder_of(descriptor_);
      ::close(descriptor_);
      fail("{} is being written by {}: wait for it, or name another", target.string(), holder);
    }
    if (is_named(descriptor_, path_)) break;
    ::close(descriptor_);  // whoever had it has removed the file since: this is the lock of nothing
  }
  // Not if it may be a file of somebody's under another name, too.
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1 ||
      status.st_uid != ::geteuid()) {
    return;
  }
  const std::string holder = holder_text().substr(0, kMostBytes);
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, holder.data(), holder.size(), 0) < 0) {
    return;  // a full disk: it is locked, but does not say by whom
  }
}

TargetLock::~TargetLock() {
  if (is_named(descriptor_, path_)) ::unlink(path_.c_str());
  ::close(descriptor_);
}

}  // namespace graft
