#pragma once

#include <cstddef>

#include "graft/kernels/scratch.h"

namespace graft::kernels {

/// A buffer for intermediate results that only grows, aligned to 64 bytes. Declare it `static
/// thread_local` where it is used, one for each buffer in use at the same time.
class GrownBuffer {
 public:
  /// At least `bytes` of uninitialized memory; what it held before is lost when it grows.
  void* get(size_t bytes) {
    if (bytes > size_) {
      block_.reset();
      size_ = 0;
      block_ = allocate_aligned(bytes + bytes / 8);
      size_ = bytes + bytes / 8;
    }
    return block_.get();
  }

  template <class T>
  T* get_as(size_t count) {
    return static_cast<T*>(get(count * sizeof(T)));
  }

 private:
  AlignedBlock block_;
  size_t size_ = 0;
};

}  // namespace graft::kernels
