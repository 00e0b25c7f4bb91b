#pragma once

#include <mlx/mlx.h>

#include <cstddef>
#include <memory>

#include "graft/base/mapped_file.h"

namespace graft::io {

namespace mx = mlx::core;

/// An array over a memory-mapped file: it starts at `offset` and is stored row by row. On the CPU
/// it is a view: nothing is read or copied, it is never written to, and the mapping lives at least
/// as long as the array. If a view is impossible (an offset that is not a multiple of the item
/// size, fewer than 8 bytes before it, a GPU build of MLX), the bytes are copied. Throws Error if
/// the file ends before the array does.
mx::array mapped_array(const std::shared_ptr<const MappedFile>& file, size_t offset,
                       mx::Shape shape, mx::Dtype dtype);

/// Drops the pages of a mapped file from memory until they are read again.
void release_pages(const MappedFile& file, size_t offset, size_t bytes);
/// Has the system begin to read a part of a mapped file, and does not wait for it.
void prefetch_pages(const MappedFile& file, size_t offset, size_t bytes);

}  // namespace graft::io
