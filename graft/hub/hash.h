#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace graft::hub {

/// The hash by which the Hub names a file: SHA-256 of what is in LFS, git's SHA-1 of a blob (of
/// "blob <size>\0" and the bytes) of the others.
class Hash {
 public:
  /// Of the kind that `etag` is: 64 hexadecimal digits or 40. Throws Error for anything else.
  Hash(const std::string& etag, uint64_t size);
  ~Hash();
  Hash(Hash&&) noexcept;

  void add(const void* data, size_t size);
  /// In hexadecimal digits; nothing may be added afterwards.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace graft::hub
