#include "graft/trunk/row_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "graft/base/error.h"

namespace graft::trunk {
namespace {

constexpr uint64_t kRecordMark = 0x64726f6365722067u;

struct RecordHead {
  uint64_t mark = kRecordMark;
  ExampleKey key;
  uint64_t bytes = 0;
  uint32_t checksum = 0;  // of the rows
  uint32_t own = 0;       // of all before it
};

uint32_t checksum_of(const void* data, size_t bytes) {
  return static_cast<uint32_t>(::crc32_z(0, static_cast<const Bytef*>(data), bytes));
}

uint32_t own_checksum(const RecordHead& head) {
  return checksum_of(&head, offsetof(RecordHead, own));
}

}  // namespace

// An exclusive lock of the file, if nobody else has one.
class RowFile::Lock {
 public:
  explicit Lock(int descriptor)
      : descriptor_(descriptor), held_(::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {}
  ~Lock() {
    if (held_) ::flock(descriptor_, LOCK_UN);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  bool held() const { return held_; }

 private:
  int descriptor_;
  bool held_;
};

RowFile::RowFile(const fs::path& path, const std::string& identity) : path_(path) {
  header_ = fmt::format("{}{}\n{}\n", kRowFileBeginning, identity.size(), identity);
  constexpr mode_t kOwnerOnly = 0600;
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  if (descriptor_ < 0) fail("cannot open {}: {}", path.string(), std::strerror(errno));
  struct stat facts {};
  if (::fstat(descriptor_, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid()) {
    ::close(descriptor_);
    fail("{} is no file of this user's", path.string());
  }
  try {
    if (!is_ours()) begin();
    find_records();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  ::futimens(descriptor_, nullptr);  // its last use
}

RowFile::~RowFile() { ::close(descriptor_); }

uint64_t RowFile::file_size() const {
  struct stat facts {};
  return ::fstat(descriptor_, &facts) == 0 ? static_cast<uint64_t>(facts.st_size) : 0;
}

bool RowFile::read_at(uint64_t at, void* to, size_t bytes) const {
  auto* next = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t count = ::pread(descriptor_, next, bytes, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    next += count;
    at += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
  return true;
}

void RowFile::write_at(uint64_t at, const void* from, size_t bytes) const {
  const auto* next = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t count = ::pwrite(descriptor_, next, bytes, static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      fail("cannot write to {}: {}", path_.string(),
           count < 0 ? std::strerror(errno) : "nothing is taken");
    }
    next += count;
    at += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
}

bool RowFile::is_removed() const {
  struct stat facts {};
  return ::fstat(descriptor_, &facts) != 0 || facts.st_nlink == 0;
}

bool RowFile::is_ours() const {
  std::string found(header_.size(), '\0');
  return file_size() >= found.size() && read_at(0, found.data(), found.size()) && found == header_;
}

void RowFile::begin() {
  // Another one may be beginning it at this moment.
  std::optional<Lock> lock;
  for (int tries = 0; !lock || !lock->held(); ++tries) {
    constexpr int kMostTries = 200;
    if (tries == kMostTries) fail("{} is being written by another process", path_.string());
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    lock.emplace(descriptor_);
  }
  if (is_ours()) return;  // by now
  if (::ftruncate(descriptor_, 0) != 0) {
    fail("cannot write to {}: {}", path_.string(), std::strerror(errno));
  }
  write_at(0, header_.data(), header_.size());
}

// Takes up the records behind those that are known.
void RowFile::find_records() {
  const uint64_t size = file_size();
  if (size < end_) {  // it was begun anew
    records_.clear();
    end_ = 0;
  }
  if (end_ == 0) end_ = header_.size();
  RecordHead head;
  while (end_ + sizeof head <= size && read_at(end_, &head, sizeof head)) {
    const uint64_t begin = end_ + sizeof head;
    const bool whole =
        head.mark == kRecordMark && head.own == own_checksum(head) && head.bytes <= size - begin;
    if (!whole) return;
    records_.insert_or_assign(head.key, Record{begin, head.bytes, head.checksum});
    end_ = begin + head.bytes;
  }
}

RowFile::Read RowFile::read(const ExampleKey& key, std::span<std::byte> rows) {
  const auto found = records_.find(key);
  if (found == records_.end()) return Read::absent;
  const Record& record = found->second;
  if (record.bytes == rows.size() && read_at(record.at, rows.data(), rows.size()) &&
      checksum_of(rows.data(), rows.size()) == record.checksum) {
    return Read::done;
  }
  records_.erase(found);
  return Read::damaged;
}

bool RowFile::append(const ExampleKey& key, std::span<const std::byte> rows) {
  if (has(key)) return true;
  const Lock lock(descriptor_);
  if (!lock.held()) return false;
  if (is_removed() || !is_ours()) {
    throw RowFileRemoved(fmt::format("{} was removed by another process", path_.string()));
  }
  find_records();
  if (has(key)) return true;
  RecordHead head;
  head.key = key;
  head.bytes = rows.size();
  head.checksum = checksum_of(rows.data(), rows.size());
  head.own = own_checksum(head);
  try {
    // The head comes last: a record without one is none.
    write_at(end_ + sizeof head, rows.data(), rows.size());
    write_at(end_, &head, sizeof head);
  } catch (const Error&) {
    // Gives the space back. What stays behind the end is no record.
    [[maybe_unused]] const int cut = ::ftruncate(descriptor_, static_cast<off_t>(end_));
    throw;
  }
  records_.insert_or_assign(key, Record{end_ + sizeof head, rows.size(), head.checksum});
  end_ += sizeof head + rows.size();
  return true;
}

}  // namespace graft::trunk
