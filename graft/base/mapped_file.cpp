#include "graft/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/strange_file.h"

namespace graft {
namespace {

// All that are mapped.
std::mutex files_mutex;
std::vector<const MappedFile*>& files() {
  static auto* const all = new std::vector<const MappedFile*>;  // outlives every static MappedFile
  return *all;
}

// The addresses of the mappings, where a signal handler may look. Of more than this many, those
// beyond are as without a handler.
struct Range {
  std::atomic<uintptr_t> begin = 0, end = 0;
};
constexpr size_t kMostRanges = 1024;
std::array<Range, kMostRanges> ranges;

void add_range(const std::byte* data, size_t size) {
  for (Range& range : ranges) {
    if (range.end != 0) continue;
    range.begin = reinterpret_cast<uintptr_t>(data);
    range.end = range.begin + size;
    return;
  }
}

void remove_range(const std::byte* data) {
  for (Range& range : ranges) {
    if (range.end == 0 || range.begin != reinterpret_cast<uintptr_t>(data)) continue;
    range.end = 0;
    return;
  }
}

struct sigaction before {};
size_t page_size = 0;

// Puts a page of zeros where the file has none any more. Only async-signal-safe calls (mmap is one
// on all systems that have it).
void put_zeros(int number, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const bool ours = std::any_of(ranges.begin(), ranges.end(), [&](const Range& range) {
    return address >= range.begin && address < range.end;
  });
  const int saved = errno;
  void* const page = reinterpret_cast<void*>(address / page_size * page_size);
  if (!ours || ::mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                   MAP_FAILED) {
    ::sigaction(number, &before, nullptr);  // and the access fails again
  }
  errno = saved;
}

bool same(const struct stat& a, const struct stat& b) {
#ifdef __APPLE__
  const timespec &at = a.st_mtimespec, &bt = b.st_mtimespec;
#else
  const timespec &at = a.st_mtim, &bt = b.st_mtim;
#endif
  return a.st_size == b.st_size && at.tv_sec == bt.tv_sec && at.tv_nsec == bt.tv_nsec;
}

std::string error_text() { return std::strerror(errno); }

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail("cannot open {}: {}", path.string(), error_text());
  if (::fstat(descriptor_, &opened_) != 0 || !S_ISREG(opened_.st_mode)) {
    ::close(descriptor_);
    fail("cannot read {}: not a regular file", path.string());
  }
  size_ = static_cast<size_t>(opened_.st_size);
  if (size_ > 0) {
    void* map = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (map == MAP_FAILED) {
      const std::string why = error_text();
      ::close(descriptor_);
      fail("cannot map {} ({} bytes): {}", path.string(), size_, why);
    }
    data_ = static_cast<std::byte*>(map);
  }
  try {
    refuse_lfs_pointer(text(), path);
  } catch (...) {
    if (data_ != nullptr) ::munmap(data_, size_);
    ::close(descriptor_);
    throw;
  }
  const std::lock_guard lock(files_mutex);
  files().push_back(this);
  if (data_ != nullptr) add_range(data_, size_);
}

MappedFile::~MappedFile() {
  {
    const std::lock_guard lock(files_mutex);
    std::erase(files(), this);
    if (data_ != nullptr) remove_range(data_);
  }
  if (data_ != nullptr) ::munmap(data_, size_);
  ::close(descriptor_);
}

void MappedFile::release() const {
  if (data_ != nullptr) ::madvise(data_, size_, MADV_DONTNEED);
}

void MappedFile::check_unchanged() const {
  struct stat now {};
  if (::fstat(descriptor_, &now) == 0 && same(opened_, now)) return;
  fail("{} was {} while it was in use", path_.string(),
       now.st_size < opened_.st_size ? "cut off" : "written to");
}

bool MappedFile::is_at_its_path() const {
  struct stat now {};
  return ::stat(path_.c_str(), &now) == 0 && now.st_dev == opened_.st_dev &&
         now.st_ino == opened_.st_ino && same(opened_, now);
}

void check_mapped_files() {
  const std::lock_guard lock(files_mutex);
  for (const MappedFile* file : files()) file->check_unchanged();
}

void release_mapped_files() {
  const std::lock_guard lock(files_mutex);
  for (const MappedFile* file : files()) file->release();
}

void survive_cut_files() {
  page_size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = put_zeros;
  action.sa_flags = SA_SIGINFO;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &before);
}

}  // namespace graft
