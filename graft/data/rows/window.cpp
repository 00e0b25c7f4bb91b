#include "graft/data/rows/window.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "graft/base/error.h"

namespace graft::data {
namespace {

constexpr size_t kFirstBuffer = size_t{256} << 10;  // bytes: what is searched is in the cache

}  // namespace

Window::Window(std::unique_ptr<ByteSource> source, std::string name)
    : source_(std::move(source)),
      name_(std::move(name)),
      buffer_(std::make_unique_for_overwrite<char[]>(kFirstBuffer)),
      capacity_(kFirstBuffer) {}

bool Window::more(int64_t line) {
  if (at_end_) return false;
  const size_t size = end_ - begin_;
  if (size >= kMostRowBytes) {
    fail("{}:{}: a row of {} MiB or more begins here", name_, line, kMostRowBytes >> 20);
  }
  if (size > capacity_ / 2) {
    const size_t larger = std::min(capacity_ * 2, kMostRowBytes);
    auto buffer = std::make_unique_for_overwrite<char[]>(larger);
    std::copy_n(buffer_.get() + begin_, size, buffer.get());
    buffer_ = std::move(buffer);
    capacity_ = larger;
  } else {
    std::memmove(buffer_.get(), buffer_.get() + begin_, size);
  }
  begin_ = 0;
  end_ = size;
  while (end_ < capacity_) {
    const size_t count = source_->read(buffer_.get() + end_, capacity_ - end_);
    if (count == 0) {
      at_end_ = true;
      break;
    }
    end_ += count;
  }
  return end_ > size;
}

}  // namespace graft::data
