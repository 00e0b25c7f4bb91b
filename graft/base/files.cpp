#include "graft/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "graft/base/error.h"
#include "graft/base/strange_file.h"

namespace graft {
namespace {

std::string reason() { return std::strerror(errno); }

}  // namespace

FileIdentity FileIdentity::of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino)};
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

fs::path absolute_path(const fs::path& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  if (error) fail("cannot tell where {} is: {}", path.string(), error.message());
  return absolute;
}

std::vector<fs::path> entries_of(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> entries;
  error.clear();
  for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    entries.push_back(at->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries = entries_of(folder, error);
  if (error && error != std::errc::no_such_file_or_directory) {
    fail("cannot read the folder {}: {}", folder.string(), error.message());
  }
  return entries;
}

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> names;
  if (!is_there(folder)) return names;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(folder, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
    } else if (std::error_code ignored; at->is_regular_file(ignored)) {
      names.push_back(at->path().lexically_relative(folder).generic_string());
    }
  }
  if (error) fail("cannot read the folder {}: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_text(const fs::path& path, size_t limit) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open {}: {}", path.string(), reason());
  std::string text;
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && status.st_size > 0) {  // a pipe has no size
    text.reserve(std::min(static_cast<size_t>(status.st_size), limit) + 1);
  }
  char buffer[1 << 16];
  ssize_t got = 0;
  while ((got = ::read(descriptor, buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > limit) break;
  }
  std::string why = reason();
  ::close(descriptor);
  if (got < 0) fail("cannot read {}: {}", path.string(), why);
  if (text.size() > limit) {
    fail("{} is larger than {} bytes, the most that is read of such a file", path.string(), limit);
  }
  refuse_lfs_pointer(text, path);
  return text;
}

fs::path without_trailing_slash(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

bool lies_within(const fs::path& inner, const fs::path& outer) {
  std::error_code ignored;
  fs::path low = fs::weakly_canonical(inner, ignored);
  fs::path high = without_trailing_slash(fs::weakly_canonical(outer / ".", ignored));
  fs::path relative = low.lexically_relative(high);
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace graft
