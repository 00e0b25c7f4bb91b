// Attention with sliding windows and soft caps.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "graft/base/threads.h"
#include "graft/kernels/attention.h"
#include "tests/kernels/attention_case.h"

namespace graft::kernels {
namespace {

using namespace attention_case;

AttentionShape windowed(AttentionShape shape, int64_t window, float soft_cap = 0) {
  shape.window = window;
  shape.soft_cap = soft_cap;
  return shape;
}

TEST(AttentionWindow, EveryLengthAndTypeAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t length : {1, 15, 16, 17, 31, 33, 200}) {
      for (int64_t window :
           {int64_t{1}, int64_t{2}, int64_t{15}, int64_t{16}, int64_t{17}, int64_t{31}, int64_t{33},
            length, length + 1, std::numeric_limits<int64_t>::max()}) {
        if (window < 40 && window > length + 1) continue;
        check(make_case(windowed({2, 1, 16, 0, type}, window), {length}));
      }
    }
  }
}

TEST(AttentionWindow, EveryHeadWidthAgreesWithTheScalarCodeWithAndWithoutASoftCap) {
  for (ScalarType type : kAllTypes) {
    for (int64_t head_dim : {20, 32, 40, 64, 80, 96, 128, 256}) {
      check(make_case(windowed({3, 1, head_dim, 0, type}, 7), {19}));
      check(make_case(windowed({3, 1, head_dim, 0, type}, 0, 2.0f), {19}));
      Case c = make_case(windowed({3, 1, head_dim, 0, type}, 7, 2.0f), {19});
      c.offset = 3;
      check(c);
    }
  }
}

TEST(AttentionWindow, EveryGroupOfHeadsAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t group : {1, 3, 4, 5, 8}) {
      for (int64_t kv_heads : {1, 3}) {
        check(make_case(windowed({group * kv_heads, kv_heads, 24, 0, type}, 5, 1.0f), {29, 4}));
      }
    }
    check(make_case(windowed({200, 1, 8, 0, type}, 3), {5}));
  }
}

TEST(AttentionWindow, SequencesDoNotSeeEachOther) {
  for (ScalarType type : kAllTypes) {
    for (int64_t window : {4, 40}) {
      check(make_case(windowed({6, 2, 32, 0, type}, window), {1, 17, 64, 3, 90, 2, 1}));
    }
  }
}

// Windows that begin in the middle of a tile, at its end, and tiles before the first one.
TEST(AttentionWindow, ManyTilesOfQueriesAndKeys) {
  for (ScalarType type : kAllTypes) {
    for (int64_t window : {33, 127, 128, 129, 250}) {
      check(make_case(windowed({3, 1, 16, 0, type}, window), {320}));
    }
    check(make_case(windowed({2, 2, 64, 0, type}, 50, 3.0f), {270, 30}));
  }
}

TEST(AttentionWindow, QueriesWithAPast) {
  for (ScalarType type : kAllTypes) {
    for (int64_t past : {1, 15, 128, 300}) {
      for (int64_t window : {1, 16, 100, 400}) {
        check(make_case(windowed({3, 1, 20, 0, type}, window, 1.5f), {1}, past));
        check(make_case(windowed({4, 2, 16, 0, type}, window), {70, 1}, past));
      }
    }
  }
}

TEST(AttentionWindow, DecodesOneQueryAgainstThousandsOfKeys) {
  for (ScalarType type : kAllTypes) {
    for (int64_t window : {1000, 2500}) {
      check(make_case(windowed({6, 2, 64, 0, type}, window, 4.0f), {1, 1}, 2500));
    }
  }
}

TEST(AttentionWindow, OneQueryAgreesWithTheScalarCodeWithAndWithoutASoftCap) {
  for (ScalarType type : kAllTypes) {
    for (int64_t window : {1, 2, 31, 128, 129, 200}) {
      for (float soft_cap : {0.0f, 5.0f}) {
        check(make_case(windowed({5, 1, 24, 0, type}, window, soft_cap), {1}, 150));
      }
    }
  }
}

TEST(AttentionWindow, QueriesBeforeTheFirstKeySeeNothing) {
  for (ScalarType type : kAllTypes) {
    for (int64_t missing : {1, 5, 33, 40}) {
      check(make_case(windowed({3, 1, 16, 0, type}, 3, 1.0f), {40}, -missing));
    }
  }
}

// Nearly all scores are the cap or its negative.
TEST(AttentionSoftCap, HugeScoresAreTheCap) {
  for (ScalarType type : kAllTypes) {
    Case c = make_case(windowed({2, 1, 32, 1.0f, type}, 0, 0.01f), {70});
    c.largest = 100.0f;
    check(c);
  }
  Case c = make_case(windowed({1, 1, 16, 1.0f, ScalarType::f32}, 9, 5.0f), {40});
  c.largest = 1e18f;
  const Inputs in(c);
  for_each_isa([&] {
    const Results actual = run(c, in);
    for (int64_t i = 0; i < actual.lse.count(); ++i) {
      ASSERT_TRUE(std::isfinite(actual.lse.get(i))) << i;
      ASSERT_LE(actual.lse.get(i), 5.0f + std::log(9.0f) + 1e-4f) << i;
    }
  });
}

TEST(AttentionSoftCap, NaNOfARowReachesItsOutput) {
  for (ScalarType type : kAllTypes) check_nan_of_a_row(windowed({1, 1, 16, 0, type}, 3, 2.0f));
}

// NaN keys would make NaN of what is multiplied by them. Heads enough that tiles of queries, of
// 192, are far longer than the window.
TEST(AttentionWindow, KeysBeforeTheWindowAreNotComputed) {
  std::optional<ThreadsScope> scope;
  scope.emplace(1);
  for (ScalarType type : kAllTypes) {
    const Case c = make_case(windowed({4, 4, 16, 0, type}, 10), {400});
    Inputs in(c);
    for (Numbers* x : {&in.k, &in.v}) {
      for (int64_t i = 0; i < 4 * 16; ++i) {
        x->set(165 * 4 * 16 + i, std::numeric_limits<float>::quiet_NaN());
      }
    }
    for_each_isa([&] {
      const Results actual = run(c, in);
      // Those that see key 165 are queries 165 to 174; blocks of rows, and of keys, are up to 32.
      for (int64_t i = 0; i < 400; ++i) {
        if (i >= 165 - 64 && i < 175 + 64) continue;
        for (int64_t j = 0; j < 64; ++j) {
          ASSERT_TRUE(std::isfinite(actual.out.get(64 * i + j))) << "query " << i;
          ASSERT_TRUE(std::isfinite(actual.d_q.get(64 * i + j))) << "query " << i;
        }
      }
    });
  }
}

TEST(AttentionWindow, GradientsAreThoseOfFiniteDifferences) {
  for (const auto& [window, soft_cap] :
       {std::pair<int64_t, float>{3, 0.0f}, {0, 1.5f}, {2, 1.5f}}) {
    const Case c = make_case(windowed({4, 2, 5, 0, ScalarType::f32}, window, soft_cap), {6, 3}, 2);
    const Inputs in(c);
    for_each_isa([&] {
      const Results r = run(c, in);
      check_differences(c, in, &Inputs::q, r.d_q);
      check_differences(c, in, &Inputs::k, r.d_k);
      check_differences(c, in, &Inputs::v, r.d_v);
    });
  }
}

// A row's output does not depend on the tile of queries that it is in, and so not on the number of
// threads; the gradients of keys are sums over parts of the queries, of which there are more with
// more threads.
TEST(AttentionWindow, ThreadsDoNotChangeTheValues) {
  std::optional<ThreadsScope> scope;
  for (ScalarType type : kAllTypes) {
    for (const auto& lengths : {std::vector<int64_t>{500}, {90, 300, 33}}) {
      const Case c = make_case(windowed({3, 1, 64, 0, type}, 70, 3.0f), lengths, 20);
      const Inputs in(c);
      for_each_isa([&] {
        scope.emplace(1);
        const Results one = run(c, in);
        for (int threads : {2, 3}) {
          SCOPED_TRACE(threads);
          scope.emplace(threads);
          const Results some = run(c, in);
          for (Numbers Results::*x : {&Results::out, &Results::lse}) {
            EXPECT_EQ(std::memcmp((one.*x).data(), (some.*x).data(),
                                  static_cast<size_t>((one.*x).count()) * size_of((one.*x).type())),
                      0);
          }
          expect_near("d_q", some.d_q, one.d_q, 1e-6);
          expect_near("d_k", some.d_k, one.d_k, 1e-6);
          expect_near("d_v", some.d_v, one.d_v, 1e-6);
        }
      });
    }
  }
}

TEST(AttentionWindow, ChunkedPrefillGivesTheBytesOfTheWhole) {
  for (ScalarType type : kAllTypes) {
    check_chunks(windowed({3, 1, 64, 0, type}, 70), 250, {1, 64, 130, 248});
  }
}

}  // namespace
}  // namespace graft::kernels
