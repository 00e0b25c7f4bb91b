#include "graft/kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "graft/base/error.h"
#include "tests/kernels/attention_case.h"

namespace graft::kernels {
namespace {

using namespace attention_case;

TEST(Attention, EveryLengthAndTypeAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t length : {1, 2, 3, 5, 6, 7, 15, 16, 17, 31, 33, 64, 65, 127, 128, 129}) {
      check(make_case({2, 1, 16, 0, type}, {length}));
    }
  }
}

TEST(Attention, EveryHeadWidthAndMisalignmentAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t head_dim : {1, 2, 3, 7, 8, 15, 17, 31, 33, 40, 64, 65, 80, 96, 127, 128, 200}) {
      Case c = make_case({3, 1, head_dim, 0, type}, {19});
      c.offset = head_dim % 4;
      check(c);
    }
  }
}

TEST(Attention, EveryGroupOfHeadsAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t group : {1, 3, 4, 5, 7, 8}) {
      for (int64_t kv_heads : {1, 3}) {
        check(make_case({group * kv_heads, kv_heads, 24, 0, type}, {29, 4}));
      }
    }
  }
}

TEST(Attention, MoreHeadsThanRowsOfATile) {
  check(make_case({200, 1, 8, 0, ScalarType::f32}, {5}));
  check(make_case({201, 1, 8, 0, ScalarType::bf16}, {5}));
}

TEST(Attention, SequencesDoNotSeeEachOther) {
  for (ScalarType type : kAllTypes) {
    check(make_case({6, 2, 32, 0, type}, {1, 17, 64, 3, 90, 2, 1}));
  }
}

TEST(Attention, ManyTilesOfQueriesAndKeys) {
  for (ScalarType type : kAllTypes) {
    check(make_case({3, 1, 16, 0, type}, {300}));
    check(make_case({2, 2, 64, 0, type}, {270, 30}));
  }
}

TEST(Attention, QueriesWithAPast) {
  for (ScalarType type : kAllTypes) {
    for (int64_t past : {1, 15, 127, 128, 300}) {
      check(make_case({3, 1, 20, 0, type}, {1}, past));
      check(make_case({4, 2, 16, 0, type}, {70, 1}, past));
    }
  }
}

TEST(Attention, DecodesOneQueryAgainstThousandsOfKeys) {
  for (ScalarType type : kAllTypes) check(make_case({6, 2, 64, 0, type}, {1, 1}, 2500));
}

TEST(Attention, OneQueryOfEveryWidthAndGroupAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t head_dim : {1, 7, 15, 16, 17, 31, 33, 64, 80, 128, 200, 256}) {
      Case c = make_case({3, 1, head_dim, 0, type}, {1, 1}, 130);
      c.offset = head_dim % 4;
      check(c);
    }
    for (int64_t group : {1, 2, 3, 4, 5, 6, 8, 9}) {
      check(make_case({group * 2, 2, 24, 0, type}, {1}, group == 9 ? 0 : 127 + group));
    }
    check(make_case({6, 2, 32, 0, type}, {1, 3, 1}, 17));
    check(make_case({6, 2, 32, 0, type}, {1}, -1));
  }
}

TEST(Attention, QueriesBeforeTheFirstKeySeeNothing) {
  for (ScalarType type : kAllTypes) {
    for (int64_t missing : {1, 5, 33, 40}) {
      check(make_case({3, 1, 16, 0, type}, {40}, -missing));
    }
  }
}

TEST(Attention, RowsOfNoSequenceAreZero) {
  for (ScalarType type : kAllTypes) {
    Case c = make_case({2, 1, 16, 0, type}, {});
    c.shape.query_rows = 60;
    c.shape.key_rows = 80;
    c.sequences = {{40, 55, 33, 64}, {3, 20, 5, 22}, {20, 20, 70, 75}};
    check(c);
    c.sequences = {{0, 0, 0, 0}};
    check(c);
  }
}

TEST(Attention, LargeScoresDoNotOverflow) {
  for (ScalarType type : kAllTypes) {
    // Scores up to 3000, so that most weights underflow; bf16 and f16 represent these inputs
    // exactly, and f32 sums of them are exact.
    Case c = make_case({2, 1, 64, 1.0f, type}, {150});
    Inputs in(c);
    for (Numbers* x : {&in.q, &in.k}) {
      for (int64_t i = 0; i < x->count(); ++i) x->set(i, std::round(x->get(i) * 8));
    }
    const Results expected = run_scalar(c, in);
    for_each_isa([&] {
      const Results actual = run(c, in);
      expect_near("out", actual.out, expected.out, tolerance_of(type));
      expect_near("lse", actual.lse, expected.lse, 1e-6);
      expect_near("d_q", actual.d_q, expected.d_q, 4 * tolerance_of(type) + 1e-4);
      expect_near("d_k", actual.d_k, expected.d_k, 4 * tolerance_of(type) + 1e-4);
      expect_near("d_v", actual.d_v, expected.d_v, tolerance_of(type) + 1e-4);
    });
  }
  Case c = make_case({1, 1, 16, 1.0f, ScalarType::f32}, {40});
  c.largest = 1e15f;
  const Inputs in(c);
  for_each_isa([&] {
    const Results actual = run(c, in);
    for (int64_t i = 0; i < actual.out.count(); ++i) {
      ASSERT_TRUE(std::isfinite(actual.out.get(i)));
    }
  });
}

// The scores of the first tiles of keys are all -inf: one query and many find the others.
TEST(Attention, ScoresBelowAllNumbersWeighNothing) {
  for (int64_t queries : {1, 2}) {
    Case c = make_case({1, 1, 16, 1.0f, ScalarType::f32}, {queries}, 300);
    Inputs in(c);
    for (int64_t i = 0; i < in.q.count(); ++i) in.q.set(i, 1e20f);
    for (int64_t i = 0; i < in.k.count(); ++i) in.k.set(i, i < 290 * 16 ? -1e20f : 0.0f);
    for_each_isa([&] {
      const Results actual = run(c, in);
      for (int64_t i = 0; i < 16; ++i) {
        double mean = 0;
        for (int64_t j = 290; j < 301; ++j) mean += double{in.v.get(j * 16 + i)} / 11;
        ASSERT_NEAR(actual.out.get(i), mean, 1e-5) << queries << " queries, at " << i;
      }
      ASSERT_NEAR(actual.lse.get(0), std::log(11.0), 1e-5);
    });
  }
}

TEST(Attention, NaNOfARowReachesItsOutput) {
  for (ScalarType type : kAllTypes) check_nan_of_a_row({1, 1, 16, 0, type});
}

TEST(Attention, GradientsAreThoseOfFiniteDifferences) {
  const Case c = make_case({4, 2, 5, 0, ScalarType::f32}, {6, 3}, 2);
  const Inputs in(c);
  for_each_isa([&] {
    const Results r = run(c, in);
    check_differences(c, in, &Inputs::q, r.d_q);
    check_differences(c, in, &Inputs::k, r.d_k);
    check_differences(c, in, &Inputs::v, r.d_v);
  });
}

TEST(Attention, TwoRunsGiveTheSameBytes) {
  for (ScalarType type : kAllTypes) {
    for (const auto& lengths : {std::vector<int64_t>{400}, {90, 70, 33, 90}}) {
      const Case c = make_case({3, 1, 64, 0, type}, lengths);
      const Inputs in(c);
      for_each_isa([&] {
        const Results a = run(c, in), b = run(c, in);
        for (Numbers Results::*x :
             {&Results::out, &Results::lse, &Results::d_q, &Results::d_k, &Results::d_v}) {
          EXPECT_EQ(std::memcmp((a.*x).data(), (b.*x).data(),
                                static_cast<size_t>((a.*x).count()) * size_of((a.*x).type())),
                    0);
        }
      });
    }
  }
}

// A row's output does not depend on which tile of queries it is in.
TEST(Attention, ChunkedPrefillGivesTheBytesOfTheWhole) {
  for (ScalarType type : kAllTypes) check_chunks({3, 1, 64, 0, type}, 150, {1, 64, 148});
}

TEST(Attention, RefusesWhatCannotBe) {
  std::vector<float> x(4096);
  const auto forward = [&](AttentionShape shape, std::vector<Sequence> sequences) {
    attention(shape, sequences, x.data(), x.data(), x.data(), x.data(), nullptr);
  };
  const AttentionShape good{2, 1, 16, 1.0f, ScalarType::f32, 10, 10};
  AttentionShape bad = good;
  bad.heads = 3;
  bad.kv_heads = 2;
  EXPECT_THROW(forward(bad, {{0, 1, 0, 1}}), Error);
  bad = good;
  bad.head_dim = 0;
  EXPECT_THROW(forward(bad, {{0, 1, 0, 1}}), Error);
  bad = good;
  bad.scale = -1;
  EXPECT_THROW(forward(bad, {{0, 1, 0, 1}}), Error);
  bad = good;
  bad.window = -1;
  EXPECT_THROW(forward(bad, {{0, 1, 0, 1}}), Error);
  for (float soft_cap :
       {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    bad = good;
    bad.soft_cap = soft_cap;
    EXPECT_THROW(forward(bad, {{0, 1, 0, 1}}), Error) << soft_cap;
  }
  EXPECT_THROW(forward(good, {{0, 11, 0, 10}}), Error);
  EXPECT_THROW(forward(good, {{0, 10, 0, 11}}), Error);
  EXPECT_THROW(forward(good, {{-1, 10, 0, 10}}), Error);
  EXPECT_THROW(forward(good, {{5, 4, 0, 10}}), Error);
  EXPECT_THROW(forward(good, {{0, 5, 0, 5}, {4, 10, 5, 10}}), Error);
  const std::vector<Sequence> shared_keys{{0, 5, 0, 5}, {5, 10, 4, 10}};
  std::vector<float> d(4096);
  EXPECT_THROW(attention_backward(good, shared_keys, x.data(), x.data(), x.data(), x.data(),
                                  x.data(), x.data(), d.data(), d.data(), d.data()),
               Error);
}

}  // namespace
}  // namespace graft::kernels
