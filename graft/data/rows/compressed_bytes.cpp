#include "graft/data/rows/compressed_bytes.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "graft/base/error.h"

namespace graft::data {
namespace {

constexpr size_t kPackedBuffer = size_t{128} << 10;  // bytes

// The packed side of a stream: bytes that are not unpacked yet.
class Packed {
 public:
  Packed(std::unique_ptr<ByteSource> source, std::string name)
      : source_(std::move(source)), name_(std::move(name)), buffer_(kPackedBuffer) {}

  /// The bytes at hand, read on if there were none; empty at the end of the source alone.
  std::string_view bytes() {
    if (begin_ == end_) {
      begin_ = 0;
      end_ = source_->read(buffer_.data(), buffer_.size());
    }
    return {buffer_.data() + begin_, end_ - begin_};
  }
  void skip(size_t count) { begin_ += count; }

  const std::string& name() const { return name_; }
  double done() const { return source_->done(); }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;
};

class GzipBytes : public ByteSource {
 public:
  GzipBytes(std::unique_ptr<ByteSource> packed, const std::string& name)
      : packed_(std::move(packed), name) {
    constexpr int kGzipOnly = 16;
    if (::inflateInit2(&zlib_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipBytes() override { ::inflateEnd(&zlib_); }
  GzipBytes(const GzipBytes&) = delete;
  GzipBytes& operator=(const GzipBytes&) = delete;

  size_t read(char* to, size_t most) override {
    most = std::min<size_t>(most, std::numeric_limits<uInt>::max());
    zlib_.next_out = reinterpret_cast<Bytef*>(to);
    zlib_.avail_out = static_cast<uInt>(most);
    while (zlib_.avail_out == most) {
      if (between_members_ && !begin_member()) return 0;
      inflate_some();
    }
    return most - zlib_.avail_out;
  }

  double done() const override { return packed_.done(); }

 private:
  // False at the end of the file.
  bool begin_member() {
    if (members_ > 0) {
      for (std::string_view bytes; !(bytes = packed_.bytes()).empty();) {
        const size_t zeros = std::min(bytes.find_first_not_of('\0'), bytes.size());
        packed_.skip(zeros);
        if (zeros < bytes.size()) break;
      }
      if (packed_.bytes().empty()) return false;
      ::inflateReset(&zlib_);
    }
    ++members_;
    between_members_ = false;
    return true;
  }

  void inflate_some() {
    const std::string_view bytes = packed_.bytes();
    if (bytes.empty()) {
      fail("{}: its gzip data ends too early: is the file cut off?", packed_.name());
    }
    zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    zlib_.avail_in = static_cast<uInt>(bytes.size());
    const int result = ::inflate(&zlib_, Z_NO_FLUSH);
    packed_.skip(bytes.size() - zlib_.avail_in);
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      fail("{}: its gzip data is damaged{}{}", packed_.name(), zlib_.msg != nullptr ? ": " : "",
           zlib_.msg != nullptr ? zlib_.msg : "");
    }
  }

  Packed packed_;
  z_stream zlib_{};
  bool between_members_ = true;
  int64_t members_ = 0;
};

class ZstdBytes : public ByteSource {
 public:
  ZstdBytes(std::unique_ptr<ByteSource> packed, const std::string& name)
      : packed_(std::move(packed), name), zstd_(::ZSTD_createDStream()) {
    if (zstd_ == nullptr) throw std::bad_alloc();
  }
  ~ZstdBytes() override { ::ZSTD_freeDStream(zstd_); }
  ZstdBytes(const ZstdBytes&) = delete;
  ZstdBytes& operator=(const ZstdBytes&) = delete;

  size_t read(char* to, size_t most) override {
    ZSTD_outBuffer out{to, most, 0};
    while (out.pos == 0) {
      const std::string_view bytes = packed_.bytes();
      if (bytes.empty() && between_frames_) return 0;
      ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
      const size_t wanted = ::ZSTD_decompressStream(zstd_, &out, &in);
      if (::ZSTD_getErrorCode(wanted) == ZSTD_error_frameParameter_windowTooLarge) {
        fail("{}: its zstd data wants a window of more than 128 MiB: pack it with a smaller one",
             packed_.name());
      }
      if (::ZSTD_isError(wanted) != 0) {
        fail("{}: its zstd data is damaged: {}", packed_.name(), ::ZSTD_getErrorName(wanted));
      }
      packed_.skip(in.pos);
      between_frames_ = wanted == 0;
      if (bytes.empty() && out.pos == 0 && !between_frames_) {
        fail("{}: its zstd data ends too early: is the file cut off?", packed_.name());
      }
    }
    return out.pos;
  }

  double done() const override { return packed_.done(); }

 private:
  Packed packed_;
  ZSTD_DStream* zstd_;
  bool between_frames_ = false;
};

}  // namespace

Compression compression_of(std::string_view begin) {
  if (begin.starts_with("\x1f\x8b")) return Compression::gzip;
  if (begin.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  // A frame to be skipped, as pzstd writes it before the others.
  if (begin.size() >= 4 && (begin[0] & 0xF0) == 0x50 && begin.substr(1, 3) == "\x2a\x4d\x18") {
    return Compression::zstd;
  }
  return Compression::none;
}

std::unique_ptr<ByteSource> gunzip(std::unique_ptr<ByteSource> packed, const std::string& name) {
  return std::make_unique<GzipBytes>(std::move(packed), name);
}

std::unique_ptr<ByteSource> unzstd(std::unique_ptr<ByteSource> packed, const std::string& name) {
  return std::make_unique<ZstdBytes>(std::move(packed), name);
}

}  // namespace graft::data
