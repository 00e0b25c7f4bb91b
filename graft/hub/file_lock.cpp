#include "graft/hub/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "graft/base/error.h"

namespace graft::hub {
namespace {

constexpr std::chrono::milliseconds kBetweenTries{50};

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, const std::function<void()>& waiting) {
  for (;;) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (descriptor_ < 0) fail("cannot lock {}: {}", path.string(), std::strerror(errno));
    try {
      while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) fail("cannot lock {}: {}", path.string(), std::strerror(errno));
        waiting();
        std::this_thread::sleep_for(kBetweenTries);
      }
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
    // Whoever had it may have removed the file: then this is the lock of nothing.
    struct stat own {
    }, named{};
    if (::fstat(descriptor_, &own) == 0 && ::stat(path.c_str(), &named) == 0 &&
        own.st_ino == named.st_ino && own.st_dev == named.st_dev) {
      return;
    }
    ::close(descriptor_);
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace graft::hub
