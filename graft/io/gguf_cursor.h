#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/io/gguf_types.h"

namespace graft::io {

/// Reads numbers and texts one after the other, never past the end: it throws Error with the offset
/// instead.
class GgufCursor {
 public:
  /// `what` names the file in errors.
  GgufCursor(std::string_view bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  size_t offset() const { return at_; }
  size_t remaining() const { return bytes_.size() - at_; }
  const std::string& what() const { return what_; }

  std::string_view take(uint64_t size, std::string_view subject) {
    if (size > remaining()) {
      fail(
          "{}: {} at byte {} takes {} bytes, but the file ends after {}: perhaps an incomplete "
          "download?",
          what_, subject, at_, size, remaining());
    }
    std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  template <class Number>
  Number number(std::string_view subject) {
    Number value;
    std::memcpy(&value, take(sizeof value, subject).data(), sizeof value);
    return value;
  }

  /// A length, and as many bytes.
  std::string_view text(std::string_view subject) {
    auto size = number<uint64_t>(subject);
    return take(size, subject);
  }

 private:
  std::string_view bytes_;
  const std::string& what_;
  size_t at_ = 0;
};

}  // namespace graft::io
