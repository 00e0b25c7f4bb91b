#include "graft/base/temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/open_file.h"

namespace graft {
namespace {

constexpr std::string_view kPrefix = ".graft-", kEnding = ".partial";
constexpr size_t kDigits = 16;

std::string random_name() {
  std::random_device random;
  const uint64_t number = (uint64_t{random()} << 32) | random();
  return fmt::format("{}{:016x}{}", kPrefix, number, kEnding);
}

bool is_name_of_temporary(std::string_view name) {
  if (name.size() != kPrefix.size() + kDigits + kEnding.size()) return false;
  if (!name.starts_with(kPrefix) || !name.ends_with(kEnding)) return false;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The temporaries of this process, and what they stand for.
std::mutex live_mutex;
std::map<std::string, std::string>& live() {
  static std::map<std::string, std::string> names;
  return names;
}

int create(const fs::path& path, Temporary::Kind kind) {
  if (kind == Temporary::Kind::file) {
    return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  }
  if (::mkdir(path.c_str(), 0777) != 0) return -1;
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// A file system without locks is none of its temporaries' loss: they are not swept.
bool lost_lock(int descriptor) {
  return ::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

void remove_if_dead(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return;
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && status.st_uid == ::geteuid() &&
      (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
      ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 && is_named(descriptor, path)) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  ::close(descriptor);
}

}  // namespace

Temporary::Temporary(const fs::path& target, Kind kind) {
  const fs::path folder = target.parent_path();
  sweep(folder);
  for (int tries = 0; tries < 100; ++tries) {
    path_ = folder / random_name();
    descriptor_ = create(path_, kind);
    if (descriptor_ < 0 && errno == EEXIST) continue;
    if (descriptor_ < 0) break;
    if (!lost_lock(descriptor_) && is_named(descriptor_, path_)) {
      const std::lock_guard lock(live_mutex);
      live()[path_.filename().string()] = target.filename().string();
      return;
    }
    ::close(std::exchange(descriptor_, -1));
  }
  fail("cannot write {}: {}", shown_path(target), std::strerror(errno));
}

Temporary::~Temporary() {
  {
    const std::lock_guard lock(live_mutex);
    live().erase(path_.filename().string());
  }
  std::error_code ignored;
  if (!given_away_) fs::remove_all(path_, ignored);
  ::close(descriptor_);
}

std::string shown_path(const fs::path& path) {
  const std::lock_guard lock(live_mutex);
  fs::path shown;
  for (const fs::path& part : path) {
    const auto found = live().find(part.string());
    shown /= found == live().end() ? part : fs::path(found->second);
  }
  return shown.string();
}

void sweep(const fs::path& folder) {
  static std::mutex mutex;
  static std::set<fs::path> swept;
  std::error_code error;
  const fs::path real = fs::canonical(folder.empty() ? "." : folder, error);
  if (error) return;
  {
    const std::lock_guard lock(mutex);
    if (!swept.insert(real).second) return;
  }
  for (const fs::path& path : entries_of(real, error)) {
    if (is_name_of_temporary(path.filename().string())) remove_if_dead(path);
  }
}

}  // namespace graft
