#include "graft/data/rows/packed_file.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"

namespace graft::data {
namespace {

constexpr size_t kPackedPart = size_t{128} << 10;  // bytes

class PlainFile : public PackedFile {
 public:
  explicit PlainFile(const fs::path& path) : file_(path) {}

  // A file takes few large writes.
  void write(std::string_view bytes) override {
    waiting_ += bytes;
    if (waiting_.size() >= kPackedPart) flush();
  }
  void commit() override {
    flush();
    file_.commit();
  }

 private:
  void flush() {
    file_.write(waiting_);
    waiting_.clear();
  }

  AtomicFile file_;
  std::string waiting_;
};

// Without a time or a name in its header: the same rows give the same bytes.
class GzipFile : public PackedFile {
 public:
  explicit GzipFile(const fs::path& path) : file_(path), buffer_(kPackedPart) {
    constexpr int kGzip = 16, kMemory = 8;
    if (::deflateInit2(&zlib_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzip, kMemory,
                       Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~GzipFile() override { ::deflateEnd(&zlib_); }
  GzipFile(const GzipFile&) = delete;
  GzipFile& operator=(const GzipFile&) = delete;

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const size_t most = std::numeric_limits<uInt>::max();
      const std::string_view part = bytes.substr(0, most);
      pack(part, Z_NO_FLUSH);
      bytes.remove_prefix(part.size());
    }
  }
  void commit() override {
    pack({}, Z_FINISH);
    file_.commit();
  }

 private:
  void pack(std::string_view bytes, int flush) {
    zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    zlib_.avail_in = static_cast<uInt>(bytes.size());
    do {
      zlib_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      zlib_.avail_out = static_cast<uInt>(buffer_.size());
      ::deflate(&zlib_, flush);
      file_.write(buffer_.data(), buffer_.size() - zlib_.avail_out);
    } while (zlib_.avail_out == 0);
  }

  AtomicFile file_;
  std::vector<char> buffer_;
  z_stream zlib_{};
};

class ZstdFile : public PackedFile {
 public:
  explicit ZstdFile(const fs::path& path) : file_(path), buffer_(kPackedPart) {
    if (!zstd_) throw std::bad_alloc();
  }

  void write(std::string_view bytes) override { pack(bytes, ZSTD_e_continue); }
  void commit() override {
    pack({}, ZSTD_e_end);
    file_.commit();
  }

 private:
  void pack(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (;;) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      const size_t left = ::ZSTD_compressStream2(zstd_.get(), &out, &in, directive);
      if (::ZSTD_isError(left) != 0) fail("zstd: {}", ::ZSTD_getErrorName(left));
      file_.write(buffer_.data(), out.pos);
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return;
    }
  }

  struct Free {
    void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
  };

  AtomicFile file_;
  std::vector<char> buffer_;
  std::unique_ptr<ZSTD_CCtx, Free> zstd_{::ZSTD_createCCtx()};
};

}  // namespace

std::unique_ptr<PackedFile> create_packed(const fs::path& file, Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return std::make_unique<GzipFile>(file);
    case Compression::zstd:
      return std::make_unique<ZstdFile>(file);
    case Compression::none:
      break;
  }
  return std::make_unique<PlainFile>(file);
}

}  // namespace graft::data
