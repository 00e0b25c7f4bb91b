// Attention: our kernels against the portable form.

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/profile.h"
#include "graft/ops/attention.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

struct AttentionCase {
  std::vector<Sequence> sequences;
  int queries, keys;
};

class AttentionOps : public OfEachType {
 protected:
  // Of 6 heads of 16 on 2 key heads.
  void expect_attention(const AttentionCase& c, const AttentionOptions& options) const {
    SCOPED_TRACE(::testing::Message() << c.keys << " keys, window " << options.window
                                      << ", soft cap " << options.soft_cap);
    auto sequences = std::make_shared<const std::vector<Sequence>>(c.sequences);
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {attention(in[0], in[1], in[2], sequences, options)};
        },
        {random({c.queries, 96}), random({c.keys, 32}), random({c.keys, 32})}, dtype(),
        tolerance());
  }
};

TEST_P(AttentionOps, AttentionWithinSequencesAndWithAPast) {
  for (const AttentionCase& c :
       std::vector<AttentionCase>{{{{0, 1, 0, 1}}, 1, 1},
                                  {{{0, 37, 0, 37}, {37, 38, 37, 38}, {38, 70, 38, 70}}, 70, 70},
                                  {{{0, 130, 0, 130}}, 130, 130},
                                  {{{0, 1, 0, 90}}, 1, 90},
                                  {{{0, 9, 0, 40}}, 9, 40}}) {
    expect_attention(c, {6, 2, 16, 0.25f});
  }
}

TEST_P(AttentionOps, AttentionWithAWindowAndASoftCap) {
  for (int window : {0, 1, 7, 32, 200}) {
    for (float soft_cap : {0.0f, 1.5f}) {
      for (const AttentionCase& c : std::vector<AttentionCase>{
               {{{0, 37, 0, 37}, {37, 38, 37, 38}, {38, 70, 38, 70}}, 70, 70},
               {{{0, 1, 0, 90}}, 1, 90},
               {{{0, 9, 0, 40}}, 9, 40}}) {
        expect_attention(c, {6, 2, 16, 0.25f, window, soft_cap});
      }
    }
  }
}

TEST_P(AttentionOps, AttentionRefusesWindowsAndCapsThatCannotBe) {
  auto sequences = std::make_shared<const std::vector<Sequence>>(1, Sequence{0, 3, 0, 3});
  mx::array x = random({3, 16});
  for (bool cpu_kernels : {false, true}) {
    KernelsScope backend(cpu_kernels ? Kernels::own : Kernels::mlx);
    AttentionOptions good{1, 1, 16, 0.25f, 2, 1.0f};
    EXPECT_NO_THROW(mx::eval(attention(x, x, x, sequences, good)));
    AttentionOptions bad = good;
    bad.window = -1;
    EXPECT_THROW(attention(x, x, x, sequences, bad), Error);
    for (float soft_cap :
         {-1.0f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      bad = good;
      bad.soft_cap = soft_cap;
      EXPECT_THROW(attention(x, x, x, sequences, bad), Error) << soft_cap;
    }
  }
}

// Of 3 and 40 queries, the products of q with k and of the weights with v.
TEST_P(AttentionOps, AttentionCountsTheScoresThatAreSeen) {
  auto sequences = std::make_shared<const std::vector<Sequence>>(
      std::vector<Sequence>{{0, 3, 0, 20}, {3, 43, 20, 60}});
  mx::array q = random({43, 96}), k = random({60, 32});
  mx::eval(q, k);
  KernelsScope backend(Kernels::own);
  for (int window : {0, 1, 19, 100}) {
    double scores = 0;
    for (const Sequence& s : *sequences) {
      for (int64_t i = s.keys() - s.queries(); i < s.keys(); ++i) {
        scores += static_cast<double>(window == 0 ? i + 1 : std::min<int64_t>(i + 1, window));
      }
    }
    take_profile();
    {
      ProfilingSwitch profile(true);
      mx::array out = attention(q, k, k, sequences, {6, 2, 16, 0.25f, window});
      mx::eval(out);
      mx::synchronize();
    }
    double operations = 0;
    for (const Phase& phase : take_profile()) operations += phase.operations;
    EXPECT_EQ(operations, 4 * 96 * scores) << "window " << window;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, AttentionOps, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
