#include "graft/data/rows/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <istream>
#include <utility>

#include "graft/base/error.h"

namespace graft::data {
namespace {

class FileBytes : public ByteSource {
 public:
  FileBytes(const fs::path& file, std::string name) : name_(std::move(name)) {
    descriptor_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail("cannot open {}: {}", name_, std::strerror(errno));
    struct stat facts {};
    if (::fstat(descriptor_, &facts) == 0) size_ = facts.st_size;
  }
  ~FileBytes() override { ::close(descriptor_); }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  size_t read(char* to, size_t most) override {
    for (;;) {
      const ssize_t count = ::read(descriptor_, to, most);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot read {}: {}", name_, std::strerror(errno));
      read_ += count;
      return static_cast<size_t>(count);
    }
  }

  double done() const override {
    if (size_ <= 0) return 0;
    return std::min(static_cast<double>(read_) / static_cast<double>(size_), 1.0);
  }

 private:
  std::string name_;
  int descriptor_ = -1;
  int64_t size_ = 0, read_ = 0;
};

class TextBytes : public ByteSource {
 public:
  explicit TextBytes(std::string_view text) : rest_(text), size_(text.size()) {}

  size_t read(char* to, size_t most) override {
    const size_t count = rest_.copy(to, most);
    rest_.remove_prefix(count);
    return count;
  }

  double done() const override {
    return size_ == 0 ? 0 : 1 - static_cast<double>(rest_.size()) / static_cast<double>(size_);
  }

 private:
  std::string_view rest_;
  size_t size_;
};

class StreamBytes : public ByteSource {
 public:
  explicit StreamBytes(std::istream& stream) : stream_(stream) {}

  size_t read(char* to, size_t most) override {
    stream_.read(to, static_cast<std::streamsize>(most));
    return static_cast<size_t>(stream_.gcount());
  }

  double done() const override { return 0; }

 private:
  std::istream& stream_;
};

}  // namespace

std::unique_ptr<ByteSource> open_file_bytes(const fs::path& file, const std::string& name) {
  return std::make_unique<FileBytes>(file, name);
}

std::unique_ptr<ByteSource> text_bytes(std::string_view text) {
  return std::make_unique<TextBytes>(text);
}

std::unique_ptr<ByteSource> stream_bytes(std::istream& stream) {
  return std::make_unique<StreamBytes>(stream);
}

}  // namespace graft::data
