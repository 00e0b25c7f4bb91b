#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace graft::hub {

/// SHA-256 for files in LFS, git's SHA-1 of a blob ("blob <size>\0" and the bytes) for the others.
enum class HashKind { sha256, git };

/// The kind that `etag` is: 64 hexadecimal digits or 40. Throws Error for anything else.
HashKind hash_kind(const std::string& etag);

/// The hash by which the Hub names a file.
class Hash {
 public:
  /// Of `size` bytes.
  Hash(HashKind kind, uint64_t size);
  ~Hash();
  Hash(Hash&&) noexcept;

  void add(const void* data, size_t size);
  /// In hexadecimal digits; nothing may be added afterwards.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of bytes, in hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace graft::hub
