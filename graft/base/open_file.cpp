#include "graft/base/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "graft/base/error.h"

namespace graft {

bool is_named(int descriptor, const fs::path& path) {
  struct stat own {
  }, named{};
  return ::fstat(descriptor, &own) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         own.st_ino == named.st_ino && own.st_dev == named.st_dev;
}

fs::path resolved_target(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as in Linux
  fs::path target = path;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code error;
    const fs::path next = fs::read_symlink(target, error);
    if (error) return target;
    target = target.parent_path() / next;
  }
  fail("cannot write {}: its links lead in a circle", path.string());
}

void sync_folder(const fs::path& folder) {
  int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a file system without folder handles: the rename stands anyway
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace graft
