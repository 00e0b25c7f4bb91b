#include "graft/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "graft/base/error.h"

namespace graft {
namespace {

std::string reason() { return std::strerror(errno); }

std::string hidden_ending() { return fmt::format(".{}.partial", static_cast<long>(::getpid())); }

fs::path hidden_sibling(const fs::path& path) {
  return path.parent_path() / ("." + path.filename().string() + hidden_ending());
}

// The final path of a file, for errors: temporary hidden folders in it get their final names.
std::string destination(const fs::path& path) {
  const std::string ending = hidden_ending();
  fs::path shown;
  for (const fs::path& part : path) {
    std::string name = part.string();
    bool hidden = name.size() > ending.size() && name.front() == '.' && name.ends_with(ending);
    shown /= hidden ? name.substr(1, name.size() - ending.size() - 1) : name;
  }
  return shown.string();
}

[[noreturn]] void fail_write(const fs::path& path) {
  std::string why = reason();
  fail("cannot write {}: {}; what was there before is as it was", destination(path), why);
}

void sync_folder(const fs::path& folder) {
  int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // a file system without folder handles: the rename stands anyway
  ::fsync(descriptor);
  ::close(descriptor);
}

// "out/" and "out" are the same target.
fs::path without_trailing_slash(fs::path path) {
  path = path.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open {}: {}", path.string(), reason());
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail("cannot read {}: not a regular file", path.string());
  }
  size_ = static_cast<size_t>(status.st_size);
  if (size_ > 0) {
    void* map = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (map == MAP_FAILED) {
      std::string why = reason();
      ::close(descriptor);
      fail("cannot map {} ({} bytes): {}", path.string(), size_, why);
    }
    data_ = static_cast<std::byte*>(map);
  }
  ::close(descriptor);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
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
  return text;
}

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), temporary_(hidden_sibling(path_)) {
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    std::string why = reason();
    fail("cannot write {}: {}", destination(path_), why);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  written_ += size;
  while (size > 0) {
    ssize_t count = ::write(descriptor_, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(path_);
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail_write(path_);
  }
  ::close(descriptor_);
  descriptor_ = -1;
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
  write_text(folder / file.filename(), MappedFile(file).text());
}

bool lies_within(const fs::path& inner, const fs::path& outer) {
  std::error_code ignored;
  fs::path low = fs::weakly_canonical(inner, ignored);
  fs::path high = without_trailing_slash(fs::weakly_canonical(outer / ".", ignored));
  fs::path relative = low.lexically_relative(high);
  return !relative.empty() && *relative.begin() != "..";
}

void check_replaceable(const fs::path& target,
                       const std::function<bool(const fs::path&)>& replaceable) {
  std::error_code ignored;
  if (!fs::exists(target, ignored)) return;
  if (fs::is_directory(target, ignored) && fs::is_empty(target, ignored)) return;
  if (replaceable(target)) return;
  fail_usage("{} exists and is not a model folder: name another, or give `force` to replace it",
             target.string());
}

AtomicFolder::AtomicFolder(fs::path target, const std::function<bool(const fs::path&)>& replaceable)
    : target_(without_trailing_slash(std::move(target))), temporary_(hidden_sibling(target_)) {
  check_replaceable(target_, replaceable);
  std::error_code error;
  if (target_.has_parent_path()) fs::create_directories(target_.parent_path(), error);
  fs::remove_all(temporary_, error);
  if (!fs::create_directory(temporary_, error)) {
    fail("cannot create {}: {}", target_.string(), error.message());
  }
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  // A folder cannot be renamed over a full one: the old one steps aside first, and comes back if
  // the second rename fails.
  fs::path old = temporary_;
  old += ".old";
  std::error_code error;
  bool had_old = fs::exists(target_);
  if (had_old) fs::rename(target_, old, error);
  if (!error) {
    fs::rename(temporary_, target_, error);
    if (error && had_old) {
      std::error_code ignored;
      fs::rename(old, target_, ignored);
    }
  }
  if (error) fail("cannot replace {}: {}", target_.string(), error.message());
  sync_folder(target_.parent_path());
  temporary_.clear();
  std::error_code ignored;
  if (had_old) fs::remove_all(old, ignored);
}

}  // namespace graft
