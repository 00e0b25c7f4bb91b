#include "graft/hub/local_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "graft/base/error.h"
#include "graft/hub/text.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kPiece = size_t{1} << 20;
constexpr size_t kMostFiles = 200;  // all are held open

// Throws unless git and every file system take a name, and it is UTF-8.
void check_name(const std::string& name) {
  bool good = !name.empty() && name.size() < 500 && !has_control_characters(name) &&
              name.find('\\') == std::string::npos;
  try {
    json(name).dump();
  } catch (const json::exception&) {
    good = false;
  }
  if (!good) fail("{}: a repository cannot have a file of this name", printable(name));
}

}  // namespace

struct LocalFile::Descriptor {
  explicit Descriptor(const fs::path& path) : file(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file < 0) fail("cannot read {}: {}", path.string(), std::strerror(errno));
  }
  ~Descriptor() { ::close(file); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int file;
};

LocalFile::LocalFile(std::string name, const fs::path& path)
    : name_(std::move(name)), file_(std::make_shared<Descriptor>(path)) {
  check_name(name_);
  struct stat status {};
  if (::fstat(file_->file, &status) != 0 || !S_ISREG(status.st_mode)) {
    fail("{} is no file", path.string());
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

LocalFile::LocalFile(std::string name, std::string text)
    : name_(std::move(name)), text_(std::move(text)), size_(text_.size()) {}

size_t LocalFile::read(uint64_t at, char* to, size_t room) const {
  if (!file_) return text_.copy(to, room, at);
  const ssize_t got = ::pread(file_->file, to, room, static_cast<off_t>(at));
  if (got < 0) fail("cannot read {}: {}", name_, std::strerror(errno));
  if (got == 0) fail("{} became shorter while it was uploaded: start again", name_);
  return static_cast<size_t>(got);
}

std::string LocalFile::bytes(uint64_t begin, uint64_t size) const {
  std::string result(size, '\0');
  for (size_t at = 0; at < size;) at += read(begin + at, result.data() + at, size - at);
  return result;
}

std::string LocalFile::hash(HashKind kind, const std::function<void(uint64_t)>& tick) const {
  Hash hash(kind, size_);
  std::string piece(static_cast<size_t>(std::min<uint64_t>(kPiece, size_)), '\0');
  for (uint64_t at = 0; at < size_;) {
    const size_t got =
        read(at, piece.data(), static_cast<size_t>(std::min<uint64_t>(piece.size(), size_ - at)));
    hash.add(piece.data(), got);
    at += got;
    tick(at);
  }
  return hash.finish();
}

std::vector<LocalFile> files_of(const fs::path& folder) {
  const std::vector<std::string> names = files_below(folder);
  if (names.empty()) fail("there is no file in {}", folder.string());
  if (names.size() > kMostFiles) {
    fail("{} holds more than {} files: is it a model's folder?", folder.string(), kMostFiles);
  }
  std::vector<LocalFile> files;
  files.reserve(names.size());
  for (const std::string& name : names) {
    files.emplace_back(name, folder / name);
  }
  return files;
}

}  // namespace graft::hub
