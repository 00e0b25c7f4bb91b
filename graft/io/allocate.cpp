#include "graft/io/allocate.h"

#include "graft/base/error.h"

namespace graft::io {

mlx::core::allocator::Data allocate(size_t bytes) {
  mlx::core::allocator::Data data = mlx::core::allocator::malloc(bytes);
  if (data.buffer().ptr() == nullptr && bytes > 0)
    fail("out of memory: {} bytes were asked for", bytes);
  return data;
}

}  // namespace graft::io
