#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "graft/data/rows/byte_source.h"

namespace graft::data {

/// A row, as its file has it, takes fewer bytes than this.
inline constexpr size_t kMostRowBytes = size_t{256} << 20;

/// The part of a source that is in memory: from what is not taken yet to what is not read yet.
class Window {
 public:
  Window(std::unique_ptr<ByteSource> source, std::string name);

  /// Valid until more(), whatever that returns.
  std::string_view rest() const { return {buffer_.get() + begin_, end_ - begin_}; }

  /// Reads on behind rest(), at least as much as that is, or to the end: what searches rest() anew
  /// takes linear time. False if there is no more. Throws Error, naming `line`, if rest() is as
  /// long as no row may be.
  bool more(int64_t line);

  /// Takes bytes off the front of rest().
  void skip(size_t count) {
    begin_ += count;
    offset_ += count;
  }

  /// Bytes of the source before rest().
  uint64_t offset() const { return offset_; }

  /// The share of the source that was taken.
  double done() const { return source_->done(); }

  const std::string& name() const { return name_; }

 private:
  std::unique_ptr<ByteSource> source_;
  std::string name_;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_;
  size_t begin_ = 0, end_ = 0;
  uint64_t offset_ = 0;
  bool at_end_ = false;
};

}  // namespace graft::data
