#include "graft/kernels/dropout.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

// What a loop over `dropout_bits` gives.
Numbers dropped(const Numbers& x, int64_t width, const std::vector<uint32_t>& rows, uint64_t key,
                uint32_t threshold, float scale) {
  Numbers out(x.type(), x.count());
  for (size_t row = 0; row < rows.size(); ++row) {
    for (int64_t column = 0; column < width; ++column) {
      const bool kept = dropout_bits(rows[row], static_cast<uint32_t>(column), key) >= threshold;
      const int64_t at = static_cast<int64_t>(row) * width + column;
      out.set(at, kept ? x.get(at) * scale : 0);
    }
  }
  return out;
}

TEST(DropoutKernel, DropsWhatItsBitsSayOnEachInstructionSet) {
  const std::vector<uint32_t> rows = {0, 7, 0xffffffffu};
  for_each_isa([&] {
    for (const ScalarType type : kAllTypes) {
      for (int64_t width = 1; width <= 66; ++width) {
        SCOPED_TRACE(width);
        const int64_t count = width * 3;
        const Numbers x = Numbers(type, count, width % 4).random(1, -8, 8);
        Numbers out(type, count, width % 4);
        dropout(type, 3, width, x.data(), rows.data(), 0x0123456789abcdefu, 1u << 30, 4 / 3.0f,
                out.data());
        expect_close(out, dropped(x, width, rows, 0x0123456789abcdefu, 1u << 30, 4 / 3.0f), 0, 0);
      }
    }
  });
}

TEST(DropoutKernel, MayWriteOverItsInput) {
  const std::vector<uint32_t> rows = {4, 5};
  Numbers x = Numbers(ScalarType::f32, 200).random(2, -1, 1);
  const Numbers expected = dropped(x, 100, rows, 3, 1u << 31, 2);
  dropout(ScalarType::f32, 2, 100, x.data(), rows.data(), 3, 1u << 31, 2, x.data());
  expect_close(x, expected, 0, 0);
}

}  // namespace
}  // namespace graft::kernels
