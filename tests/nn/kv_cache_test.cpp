#include "graft/nn/kv_cache.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "graft/ops/backend.h"
#include "tests/support/arrays.h"

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
      auto [all_k, all_v] = cache_.append(layer, k, v);
      expect(2 * layer, k, all_k);
      expect(2 * layer + 1, v, all_v);
    }
    cache_.advance(n);
    mx::eval(cache_.arrays());
  }

  void expect(int which, const mx::array& rows, const mx::array& held) {
    auto& all = appended_[which];
    all = all ? mx::concatenate({*all, rows}, 0) : rows;
    ASSERT_GE(held.shape(0), all->shape(0));
    EXPECT_TRUE(same_bits(first_rows(held, all->shape(0)), *all))
        << "array " << which << " of " << all->shape(0) << " rows";
  }

  int capacity() const { return cache_.arrays().at(0).shape(0); }

  std::optional<ops::RunAtOnce> at_once_;
  KvCache cache_{kLayers};
  std::optional<mx::array> appended_[2 * kLayers];
};

TEST_P(KvCacheRows, StayWhenTheCapacityDoubles) {
  append(250);
  int first = capacity();
  while (cache_.length() <= first) append(3);
  EXPECT_EQ(capacity(), 2 * first);
  while (cache_.length() <= 2 * first) append(100);
  EXPECT_EQ(capacity(), 4 * first);
}

TEST_P(KvCacheRows, FillTheCapacityToItsLastRow) {
  append(1);
  int first = capacity();
  append(first - 1);
  EXPECT_EQ(capacity(), first);
  append(1);
  EXPECT_EQ(capacity(), 2 * first);
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
  mx::array held = cache_.append(0, ones, ones).first;
  held.eval();
  mx::array later = cache_.append(0, twos, twos).first;  // over the same rows: no advance between
  later.eval();
  EXPECT_TRUE(same_bits(first_rows(held, 4), ones));
  EXPECT_TRUE(same_bits(first_rows(later, 4), twos));
}

INSTANTIATE_TEST_SUITE_P(Both, KvCacheRows, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "AtOnce" : "InAGraph"; });

}  // namespace
}  // namespace graft::nn
