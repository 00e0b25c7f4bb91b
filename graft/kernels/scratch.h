#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace graft::kernels {

struct FreeAligned {
  void operator()(std::byte* block) const;
};

/// Memory aligned to 64 bytes, not initialized. Throws std::bad_alloc.
using AlignedBlock = std::unique_ptr<std::byte[], FreeAligned>;
AlignedBlock allocate_aligned(size_t bytes);

/// At least `bytes` bytes, aligned to 64. They are kept: the calling thread's next call may return
/// the same memory, so a kernel calls this once, for all its threads together.
std::byte* reused_scratch(size_t bytes);

/// Hands out pieces of one block of memory, each aligned to 64 bytes. Without a block it only
/// counts.
class Carver {
 public:
  explicit Carver(std::byte* block) : block_(block) {}
  template <class T>
  T* take(int64_t count) {
    const size_t at = used_;
    used_ += static_cast<size_t>((count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64);
    return block_ == nullptr ? nullptr : reinterpret_cast<T*>(block_ + at);
  }
  size_t used() const { return used_; }

 private:
  std::byte* block_;
  size_t used_ = 0;
};

}  // namespace graft::kernels
