#include "graft/hub/parts_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "graft/base/error.h"

namespace graft::hub {
namespace {

// The notes: size and size of a part, then the bytes done of each part, as uint64.
constexpr size_t kHeader = 2 * sizeof(uint64_t);
constexpr uint64_t kWriteEvery = 8 << 20;
constexpr uint64_t kNoteEvery = 1 << 20;  // what a crash may cost of each part

int open_file(const std::filesystem::path& path) {
  // A link that somebody put there is not followed.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  return file;
}

void write_at(int file, const void* data, size_t size, uint64_t at,
              const std::filesystem::path& path) {
  auto bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::pwrite(file, bytes, size, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("cannot write {}: {}", path.string(), std::strerror(errno));
    bytes += written;
    at += static_cast<uint64_t>(written);
    size -= static_cast<size_t>(written);
  }
}

}  // namespace

PartsFile::PartsFile(const std::filesystem::path& path, uint64_t size, uint64_t part_size)
    : path_(path),
      incomplete_(path.string() + ".incomplete"),
      notes_(path.string() + ".incomplete.parts"),
      size_(size),
      part_size_(part_size),
      count_(std::max<size_t>(1, static_cast<size_t>((size + part_size - 1) / part_size))),
      done_(std::make_unique<std::atomic<uint64_t>[]>(count_)) {
  file_ = open_file(incomplete_);
  notes_file_ = open_file(notes_);
  std::vector<uint64_t> notes(2 + count_);
  const auto bytes = static_cast<ssize_t>(notes.size() * sizeof(uint64_t));
  bool known = ::pread(notes_file_, notes.data(), static_cast<size_t>(bytes), 0) == bytes &&
               notes[0] == size && notes[1] == part_size;
  struct stat status {};
  known = known && ::fstat(file_, &status) == 0;
  uint64_t needed = 0;  // the file length that the note implies
  for (size_t part = 0; known && part < count_; ++part) {
    const uint64_t done = notes[2 + part];
    if (done > end(part) - begin(part)) known = false;
    if (done > 0) needed = begin(part) + done;
    done_[part] = done;
  }
  if (!known || static_cast<uint64_t>(status.st_size) < needed) begin_anew();
}

PartsFile::~PartsFile() {
  try {
    for (size_t part = 0; part < count_; ++part) note(part);
  } catch (const Error&) {
    // Then the next try begins a little earlier.
  }
  ::close(file_);
  ::close(notes_file_);
}

uint64_t PartsFile::all_done() const {
  uint64_t all = 0;
  for (size_t part = 0; part < count_; ++part) all += done(part);
  return all;
}

uint64_t PartsFile::prefix() const {
  uint64_t bytes = 0;
  for (size_t part = 0; part < count_; ++part) {
    bytes += done(part);
    if (begin(part) + done(part) < end(part)) break;
  }
  return bytes;
}

void PartsFile::append(size_t part, std::string_view bytes) {
  const uint64_t before = done(part);
  if (bytes.size() > end(part) - begin(part) - before)
    fail("{}: more bytes than it has", path_.string());
  write_at(file_, bytes.data(), bytes.size(), begin(part) + before, incomplete_);
  const uint64_t now = before + bytes.size();
  done_[part].store(now, std::memory_order_release);
#ifdef __linux__
  // Start writing to disk now, so that the final sync is short.
  if (now / kWriteEvery != before / kWriteEvery) {
    const uint64_t from = begin(part) + before / kWriteEvery * kWriteEvery;
    ::sync_file_range(file_, static_cast<off_t>(from), static_cast<off_t>(begin(part) + now - from),
                      SYNC_FILE_RANGE_WRITE);
  }
#endif
  if (now / kNoteEvery != before / kNoteEvery || begin(part) + now == end(part)) note(part);
}

void PartsFile::note(size_t part) {
  const uint64_t value = done(part);
  write_at(notes_file_, &value, sizeof value, kHeader + part * sizeof value, notes_);
}

void PartsFile::begin_anew() {
  const std::array<uint64_t, 2> header = {size_, part_size_};
  // The header is written last: after a crash before that, the next try starts over.
  if (::ftruncate(notes_file_, 0) != 0 || ::ftruncate(file_, 0) != 0) {
    fail("cannot write {}: {}", incomplete_.string(), std::strerror(errno));
  }
  for (size_t part = 0; part < count_; ++part) {
    done_[part] = 0;
    note(part);
  }
  write_at(notes_file_, header.data(), kHeader, 0, notes_);
}

void PartsFile::read(uint64_t at, char* to, size_t size) const {
  while (size > 0) {
    const ssize_t got = ::pread(file_, to, size, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      fail("cannot read {}: {}", incomplete_.string(),
           got < 0 ? std::strerror(errno) : "it was cut");
    to += got;
    at += static_cast<uint64_t>(got);
    size -= static_cast<size_t>(got);
  }
}

void PartsFile::commit() {
  if (::fsync(file_) != 0) fail("cannot write {}: {}", incomplete_.string(), std::strerror(errno));
  std::error_code error;
  std::filesystem::rename(incomplete_, path_, error);
  if (error) fail("cannot rename {}: {}", incomplete_.string(), error.message());
  std::filesystem::remove(notes_, error);
}

void PartsFile::discard() {
  std::error_code ignored;
  std::filesystem::remove(notes_, ignored);
  std::filesystem::remove(incomplete_, ignored);
}

}  // namespace graft::hub
