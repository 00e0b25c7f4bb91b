#include "graft/kernels/scratch.h"

#include <algorithm>
#include <new>

namespace graft::kernels {

void FreeAligned::operator()(std::byte* block) const {
  ::operator delete[](block, std::align_val_t{64});
}

AlignedBlock allocate_aligned(size_t bytes) {
  return AlignedBlock(
      static_cast<std::byte*>(::operator new[](std::max<size_t>(bytes, 1), std::align_val_t{64})));
}

std::byte* reused_scratch(size_t bytes) {
  thread_local AlignedBlock block;
  thread_local size_t capacity = 0;
  if (capacity < bytes) {
    block.reset();
    capacity = 0;
    block = allocate_aligned(bytes);
    capacity = bytes;
  }
  return block.get();  // NOLINT(clang-analyzer-cplusplus.NewDelete): the new block
}

}  // namespace graft::kernels
