#include "graft/nn/kv_cache.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "graft/ops/backend.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"

namespace graft::nn {
namespace {

using testing::same_bits;

constexpr int kLayers = 2, kWidth = 6;

mx::array first_rows(const mx::array& a, int n) { return mx::slice(a, {0, 0}, {n, a.shape(1)}); }

// The keys (even) and values (odd) of each layer, all rows that were ever appended; in a graph, and
// with operations that run at once.
class KvCacheRows : public ::testing::TestWithParam<bool> {
 protected:
  KvCacheRows() {
    if (GetParam()) at_once_.emplace();
  }

  // Appends n rows to every layer and expects all that was appended so far.
  void append(int n, mx::Dtype dtype = mx::float32) {
    for (int layer = 0; layer < kLayers; ++layer) {
      auto rows = [&] { return mx::astype(mx::random::normal({n, kWidth}), dtype); };
      mx::array k = rows(), v = rows();
      const auto [all_k, all_v] = cache_.append(layer, k, v);
      expect(2 * layer, k, all_k);
      expect(2 * layer + 1, v, all_v);
    }
    cache_.advance(n);
    mx::eval(cache_.arrays());
  }

  void expect(int which, const mx::array& rows, const std::vector<mx::array>& blocks) {
    auto& all = appended_[which];
    all = all ? mx::concatenate({*all, rows}, 0) : rows;
    for (const mx::array& block : blocks) ASSERT_EQ(block.shape(0), kCacheBlockRows);
    ASSERT_EQ(std::ssize(blocks), (all->shape(0) + kCacheBlockRows - 1) / kCacheBlockRows);
    EXPECT_TRUE(same_bits(first_rows(mx::concatenate(blocks, 0), all->shape(0)), *all))
        << "array " << which << " of " << all->shape(0) << " rows";
  }

  // The first `n` rows of a layer's keys, by appending nothing.
  static mx::array keys(KvCache& cache, int n) {
    const mx::array none = mx::zeros({0, kWidth});
    return first_rows(mx::concatenate(cache.append(0, none, none).k, 0), n);
  }

  std::optional<ops::RunAtOnce> at_once_;
  KvCache cache_{kLayers};
  std::optional<mx::array> appended_[2 * kLayers];
};

TEST_P(KvCacheRows, StayWhenBlocksAreAdded) {
  append(250);
  while (cache_.length() <= kCacheBlockRows) append(3);
  while (cache_.length() <= 4 * kCacheBlockRows) append(100);
}

TEST_P(KvCacheRows, FillABlockToItsLastRow) {
  append(1);
  append(kCacheBlockRows - 1);
  append(1);
}

TEST_P(KvCacheRows, OfALongPromptFitAtOnce) {
  append(5000);
  EXPECT_EQ(cache_.length(), 5000);
  append(1);
  append(12'000);
}

TEST_P(KvCacheRows, KeepTheirDtype) {
  for (mx::Dtype dtype : {mx::bfloat16, mx::float16}) {
    cache_ = KvCache(kLayers);
    for (auto& all : appended_) all.reset();
    append(255, dtype);
    append(2, dtype);
    EXPECT_EQ(cache_.arrays()[0].dtype(), dtype);
  }
}

// Writing in place must not reach what a caller still holds.
TEST_P(KvCacheRows, AreNotChangedUnderTheirReader) {
  mx::array ones = mx::ones({4, kWidth}), twos = mx::full({4, kWidth}, 2.0f);
  mx::array held = cache_.append(0, ones, ones).k[0];
  held.eval();
  mx::array later = cache_.append(0, twos, twos).k[0];  // over the same rows: no advance between
  later.eval();
  EXPECT_TRUE(same_bits(first_rows(held, 4), ones));
  EXPECT_TRUE(same_bits(first_rows(later, 4), twos));
}

// A copy goes on from the same rows, and neither sees what the other appends, whichever is first.
TEST_P(KvCacheRows, OfACopyAreItsOwnFromThereOn) {
  append(300);
  const mx::array before = *appended_[0];
  KvCache copy = cache_;
  append(200);
  const mx::array ones = mx::ones({200, kWidth});
  for (int layer = 0; layer < kLayers; ++layer) copy.append(layer, ones, ones);
  copy.advance(200);
  mx::eval(copy.arrays());
  EXPECT_TRUE(same_bits(keys(copy, 500), mx::concatenate({before, ones}, 0)));
  EXPECT_TRUE(same_bits(keys(cache_, 500), *appended_[0]));
}

TEST_P(KvCacheRows, ACopySharesWholeBlocksAndTheDataOfTheLast) {
  append(2 * kCacheBlockRows + 1);
  const KvCache copy = cache_;
  const auto own = cache_.arrays(), theirs = copy.arrays();
  ASSERT_EQ(own.size(), theirs.size());
  for (size_t i = 0; i < own.size(); ++i) {
    EXPECT_EQ(own[i].data<char>(), theirs[i].data<char>());
  }
}

// In place where nobody shares it: a step does not copy what is there.
TEST_P(KvCacheRows, AreWrittenInPlace) {
  append(5);
  const char* data = cache_.arrays()[0].data<char>();
  append(5);
  EXPECT_EQ(cache_.arrays()[0].data<char>(), data);
}

TEST_P(KvCacheRows, AreForgottenFromTheEnd) {
  append(600);
  const mx::array all = *appended_[0];
  cache_.rewind(300);
  EXPECT_EQ(cache_.length(), 300);
  EXPECT_EQ(cache_.arrays().size(), size_t{2 * 2 * kLayers});
  for (auto& rows : appended_) rows = first_rows(*rows, 300);
  append(10);
  EXPECT_TRUE(same_bits(keys(cache_, 300), first_rows(all, 300)));
  testing::expect_error([&] { cache_.rewind(311); }, "a cache of 310 tokens has no first 311");
}

INSTANTIATE_TEST_SUITE_P(Both, KvCacheRows, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "AtOnce" : "InAGraph"; });

}  // namespace
}  // namespace graft::nn
