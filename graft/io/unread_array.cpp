#include "graft/io/unread_array.h"

#include <mlx/allocator.h>

#include <sys/mman.h>

#include <memory>
#include <mutex>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

// Pages of zeros that are never written to: the system has one for all of them.
class ZeroPages {
 public:
  explicit ZeroPages(size_t bytes)
      : bytes_(bytes),
        data_(
            ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) fail("{} bytes of address space were asked for, and refused", bytes);
  }
  ~ZeroPages() { ::munmap(data_, bytes_); }
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;

  size_t bytes() const { return bytes_; }
  void* data() const { return data_; }

 private:
  size_t bytes_;
  void* data_;
};

std::shared_ptr<const ZeroPages> zero_pages(size_t bytes) {
  static std::mutex mutex;
  static std::weak_ptr<const ZeroPages> largest;
  const std::lock_guard lock(mutex);
  std::shared_ptr<const ZeroPages> pages = largest.lock();
  if (pages == nullptr || pages->bytes() < bytes) {
    pages = std::make_shared<const ZeroPages>(bytes);
    largest = pages;
  }
  return pages;
}

}  // namespace

mx::array unread_array(const mx::Shape& shape, mx::Dtype dtype) {
  const auto bytes = checked_bytes(shape, dtype);
  if (!bytes) fail("an array {} {} is too large", dtype_name(dtype), shape_text(shape));
  // A block of MLX's begins with its size.
  const auto pages = zero_pages(*bytes + sizeof(size_t));
  mx::allocator::Data data(mx::allocator::Buffer(pages->data()), [pages](mx::allocator::Buffer) {});
  return mx::array(std::move(data), shape, dtype);
}

}  // namespace graft::io
