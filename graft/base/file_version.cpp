#include "graft/base/file_version.h"

#include <sys/stat.h>

namespace graft {

FileVersion FileVersion::of(const fs::path& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) return {};
#ifdef __APPLE__
  const timespec& time = facts.st_mtimespec;
#else
  const timespec& time = facts.st_mtim;
#endif
  return {static_cast<uint64_t>(facts.st_size), int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec,
          facts.st_ino};
}

}  // namespace graft
