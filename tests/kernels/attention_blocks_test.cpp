// Attention over keys in blocks, as a cache has them: the bytes of the same keys in one piece.

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/attention.h"
#include "tests/kernels/attention_case.h"
#include "tests/support/expect_error.h"

namespace graft::kernels {
namespace {

using namespace attention_case;

// Copies of rows in blocks apart from each other; the last one's other rows are NaN.
class Blocks {
 public:
  Blocks(const Numbers& rows, int64_t width, int64_t block_rows) : block_rows_(block_rows) {
    const int64_t count = rows.count() / width;
    for (int64_t first = 0; first < count; first += block_rows) {
      Numbers& block = blocks_.emplace_back(rows.type(), block_rows * width);
      for (int64_t i = 0; i < block_rows * width; ++i) {
        const bool there = first * width + i < rows.count();
        block.set(i, there ? rows.get(first * width + i) : std::numeric_limits<float>::quiet_NaN());
      }
    }
    for (const Numbers& block : blocks_) pointers_.push_back(block.data());
  }

  RowBlocks rows() const { return {pointers_.data(), block_rows_}; }

 private:
  int64_t block_rows_;
  std::vector<Numbers> blocks_;
  std::vector<const void*> pointers_;
};

void check_blocks_of(const AttentionShape& shape, int64_t queries, int64_t past) {
  SCOPED_TRACE(::testing::Message() << queries << " queries after " << past << ", window "
                                    << shape.window << ", type " << static_cast<int>(shape.type));
  const Case c = make_case(shape, {queries}, past);
  const Inputs in(c);
  const int64_t width = shape.kv_heads * shape.head_dim;
  for_each_isa([&] {
    const Results whole = run(c, in);
    for (int64_t block_rows : {128, 256}) {
      const Blocks k(in.k, width, block_rows), v(in.v, width, block_rows);
      Results r(c, 0);
      attention(c.shape, c.sequences, in.q.data(), k.rows(), v.rows(), r.out.data(),
                static_cast<float*>(r.lse.data()));
      const size_t bytes = static_cast<size_t>(r.out.count()) * size_of(shape.type);
      EXPECT_EQ(std::memcmp(r.out.data(), whole.out.data(), bytes), 0) << block_rows;
      EXPECT_EQ(std::memcmp(r.lse.data(), whole.lse.data(),
                            static_cast<size_t>(r.lse.count()) * sizeof(float)),
                0)
          << block_rows;
    }
  });
}

TEST(AttentionBlocks, GiveTheBytesOfOnePiece) {
  for (ScalarType type : {ScalarType::f32, ScalarType::bf16, ScalarType::f16}) {
    for (int64_t window : {0, 100}) {
      AttentionShape shape{4, 2, 40, 0, type};
      shape.window = window;
      check_blocks_of(shape, 1, 299);   // decoding, over three blocks of 128
      check_blocks_of(shape, 1, 511);   // to a block's last row
      check_blocks_of(shape, 1, 40);    // within the first
      check_blocks_of(shape, 70, 230);  // a prompt behind what is there
      check_blocks_of(shape, 300, 0);
    }
  }
}

TEST(AttentionBlocks, OfOtherSizesAreRefused) {
  Case c = make_case({2, 1, 16, 0, ScalarType::f32}, {300});
  const Inputs in(c);
  Results r(c, 0);
  const auto run_with = [&](int64_t k_rows, int64_t v_rows) {
    const Blocks k(in.k, 16, k_rows), v(in.v, 16, v_rows);
    attention(c.shape, c.sequences, in.q.data(), k.rows(), v.rows(), r.out.data(), nullptr);
  };
  testing::expect_error([&] { run_with(100, 100); }, "a multiple of 128 rows, found 100");
  testing::expect_error([&] { run_with(128, 256); }, "blocks of 128 keys, but of 256 values");
  c.sequences[0].key_begin = 20;
  testing::expect_error([&] { run_with(128, 128); }, "must begin at a multiple of 128, found 20");
}

}  // namespace
}  // namespace graft::kernels
