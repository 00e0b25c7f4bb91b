#include "graft/trunk/row_form.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "graft/base/error.h"

namespace graft::trunk {
namespace {

constexpr float kLargest = 127;

template <class Number>
void narrow_rows(const void* from, int64_t rows, int width, std::byte* to) {
  const auto* row = static_cast<const Number*>(from);
  for (int64_t i = 0; i < rows; ++i, row += width) {
    float largest = 0;
    for (int j = 0; j < width; ++j)
      largest = std::max(largest, std::abs(static_cast<float>(row[j])));
    const bool finite = std::all_of(
        row, row + width, [](Number number) { return std::isfinite(static_cast<float>(number)); });
    // What is not finite stays so.
    const float scale = finite ? largest / kLargest : std::numeric_limits<float>::quiet_NaN();
    const float back = scale > 0 ? 1 / scale : 0;
    std::memcpy(to, &scale, sizeof scale);
    to += sizeof scale;
    if (!finite) {
      std::fill_n(to, width, std::byte{0});
      to += width;
      continue;
    }
    for (int j = 0; j < width; ++j) {
      const float number = std::nearbyint(static_cast<float>(row[j]) * back);
      to[j] = static_cast<std::byte>(static_cast<int8_t>(std::clamp(number, -kLargest, kLargest)));
    }
    to += width;
  }
}

template <class Number>
void widen_rows(const std::byte* from, int64_t rows, int width, void* to) {
  auto* row = static_cast<Number*>(to);
  for (int64_t i = 0; i < rows; ++i, row += width) {
    float scale = 0;
    std::memcpy(&scale, from, sizeof scale);
    from += sizeof scale;
    for (int j = 0; j < width; ++j) {
      row[j] = static_cast<Number>(static_cast<float>(static_cast<int8_t>(from[j])) * scale);
    }
    from += width;
  }
}

// Calls use(Number{}) with the C++ type of a dtype.
template <class Use>
void with_number(mx::Dtype dtype, Use&& use) {
  switch (dtype.val()) {
    case mx::Dtype::Val::float16:
      return use(mx::float16_t{});
    case mx::Dtype::Val::bfloat16:
      return use(mx::bfloat16_t{});
    case mx::Dtype::Val::float32:
      return use(float{});
    default:
      fail("internal: rows are kept of floating-point numbers");
  }
}

}  // namespace

RowForm::RowForm(int width, mx::Dtype dtype, int bits) : width_(width), dtype_(dtype), bits_(bits) {
  if (bits != 0 && bits != 8) fail_usage("`trunk_bits` must be 8, not {}", bits);
}

size_t RowForm::row_bytes() const {
  const auto width = static_cast<size_t>(width_);
  return exact() ? width * dtype_.size() : width + sizeof(float);
}

void RowForm::keep(const void* from, int64_t rows, std::byte* to) const {
  if (exact()) {
    std::memcpy(to, from, static_cast<size_t>(rows) * row_bytes());
    return;
  }
  with_number(dtype_, [&](auto number) { narrow_rows<decltype(number)>(from, rows, width_, to); });
}

void RowForm::restore(const std::byte* from, int64_t rows, void* to) const {
  if (exact()) {
    std::memcpy(to, from, static_cast<size_t>(rows) * row_bytes());
    return;
  }
  with_number(dtype_, [&](auto number) { widen_rows<decltype(number)>(from, rows, width_, to); });
}

}  // namespace graft::trunk
