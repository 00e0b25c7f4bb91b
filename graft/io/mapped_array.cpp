#include "graft/io/mapped_array.h"

#include <mlx/allocator.h>
#include <mlx/backend/cuda/cuda.h>
#include <mlx/backend/metal/metal.h>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

// MLX's CPU allocator keeps a block's size in the 8 bytes before its data, and a Buffer points to
// that header (see Buffer::raw_ptr).
constexpr size_t kBufferHeader = sizeof(size_t);

bool gpu_allocator() { return mx::metal::is_available() || mx::cu::is_available(); }

}  // namespace

mx::array mapped_array(const std::shared_ptr<const MappedFile>& file, size_t offset,
                       mx::Shape shape, mx::Dtype dtype) {
  size_t bytes = checked_bytes(shape, dtype).value_or(SIZE_MAX);
  if (offset > file->size() || bytes > file->size() - offset) {
    fail("{}: an array of {} bytes at offset {} ends behind the file's {} bytes",
         file->path().string(), bytes, offset, file->size());
  }
  auto* data = const_cast<std::byte*>(file->data()) + offset;
  bool aligned = offset % dtype.size() == 0;
  if (bytes == 0 || !aligned || offset < kBufferHeader || gpu_allocator()) {
    return mx::array(data, std::move(shape), dtype, [file](void*) {});
  }
  // Data that was not allocated by MLX is never donated, so nothing writes to the mapping.
  mx::allocator::Buffer buffer(data - kBufferHeader);
  mx::allocator::Data view(buffer, [file](mx::allocator::Buffer) {});
  return mx::array(std::move(view), std::move(shape), dtype);
}

void release_pages(const MappedFile& file, size_t offset, size_t bytes) {
  // Only whole pages: those at the borders may hold other tensors.
  auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  size_t begin = (offset + page - 1) / page * page;
  size_t end = std::min(offset + bytes, file.size()) / page * page;
  if (begin < end) {
    ::madvise(const_cast<std::byte*>(file.data()) + begin, end - begin, MADV_DONTNEED);
  }
}

void prefetch_pages(const MappedFile& file, size_t offset, size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t begin = offset / page * page, end = std::min(offset + bytes, file.size());
  if (begin < end) {
    ::madvise(const_cast<std::byte*>(file.data()) + begin, end - begin, MADV_WILLNEED);
  }
}

}  // namespace graft::io
