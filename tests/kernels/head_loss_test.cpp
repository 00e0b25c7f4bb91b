#include "graft/kernels/head_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/threads.h"
#include "graft/kernels/matvec.h"
#include "graft/kernels/scalar/head_loss.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/random_quantized.h"

namespace graft::kernels {
namespace {

constexpr ScalarType f32 = ScalarType::f32;

struct Result {
  float sum;  // over the divisor
  Numbers losses, d_h;
  Numbers d_weight, d_bias;  // where they are computed, too
  Numbers d_xa, d_b;         // of an update

  Result(ScalarType type, int64_t rows, int64_t width, int64_t offset = 0, int64_t vocab = 0,
         int64_t rank = 0)
      : sum(0),
        losses(f32, rows, offset),
        d_h(type, rows * width, offset),
        d_weight(f32, vocab * width, offset),
        d_bias(f32, vocab, offset),
        d_xa(f32, rows * rank, offset),
        d_b(f32, rank * vocab, offset) {}
};

// A head of a vocabulary of `vocab`, and hidden states with targets of which every `masked`-th
// carries no loss (0: all do). The divisor is their number.
class Case {
 public:
  Case(int64_t rows, int64_t vocab, int64_t width, ScalarType type, int64_t masked = 0,
       int64_t offset = 0)
      : h_(type, rows * width, offset), rows_(rows), offset_(offset) {
    const float most = 2 / std::sqrt(static_cast<float>(width));
    h_.random(1, -most, most);
    weight_ = {.out = vocab, .in = width};
    for (int64_t i = 0; i < rows; ++i) {
      const bool loses = masked == 0 || (i + 1) % masked != 0;
      words_.push_back(loses ? static_cast<int32_t>((i * 7919 + vocab - 1) % vocab) : -1);
      weights_.push_back(loses ? 1.0f : 0.0f);
      divisor_ += loses ? 1 : 0;
    }
  }

  Case& dense(const Numbers& w) {
    weight_.data = w.data();
    weight_.type = w.type();
    return *this;
  }
  Case& quantized(const RandomQuantized& w) {
    weight_.quantized = true;
    weight_.matrix = w.matrix;
    return *this;
  }

  Case& bias(const Numbers& values) {
    bias_ = static_cast<const float*>(values.data());
    return *this;
  }
  // Weights of 0.25, 0.5, ... where there is loss, some of them negative, and a divisor of its own.
  Case& weigh() {
    for (size_t i = 0; i < weights_.size(); ++i) {
      weights_[i] *= static_cast<float>(i % 5 + 1) * (i % 3 == 1 ? -0.25f : 0.25f);
    }
    divisor_ = 7;
    return *this;
  }
  Case& soft_cap(float cap) {
    soft_cap_ = cap;
    return *this;
  }

  // An update of this rank.
  Case& adapted(int64_t rank, float scale) {
    rank_ = rank;
    scale_ = scale;
    xa_ = Numbers(f32, rows_ * rank, offset_).random(5, -1, 1);
    b_ = Numbers(f32, rank * weight_.out, offset_).random(6, -1, 1);
    return *this;
  }

  template <class Compute>
  Result run_adapted(Compute&& compute) const {
    Result r(h_.type(), rows_, weight_.in, offset_, weight_.out, rank_);
    r.d_h.random(9);
    r.d_xa.random(10);
    r.d_b.random(11);
    r.sum = compute(Head{weight_,
                         bias_,
                         soft_cap_,
                         {rank_, scale_, static_cast<const float*>(xa_.data()),
                          static_cast<const float*>(b_.data())}},
                    Rows{h_.data(), rows_, h_.type()},
                    Targets{words_.data(), weights_.data(), std::max(divisor_, 1.0)},
                    static_cast<float*>(r.losses.data()),
                    HeadGradients{.h = r.d_h.data(),
                                  .xa = static_cast<float*>(r.d_xa.data()),
                                  .b = static_cast<float*>(r.d_b.data())});
    return r;
  }

  // Losses and gradients of a head with an update.
  void check_adapted() const {
    SCOPED_TRACE(testing::Message() << rows_ << " rows, " << weight_.out << " ids of width "
                                    << weight_.in << ", type " << static_cast<int>(h_.type()));
    const Result expected = run_adapted(head_loss_scalar), actual = run_adapted(head_loss);
    check_losses(actual, expected, 3e-6);
    const bool rounded = product_type(h_.type()) == ScalarType::bf16;
    const double near = rounded ? 0x1p-7 : 5e-5, share = rounded ? 0x1p-8 : 1e-6;
    expect_close(actual.d_h, expected.d_h, near, largest_weight() / divisor() * share);
    expect_close(actual.d_xa, expected.d_xa, near, 2 * share);
    expect_close(actual.d_b, expected.d_b, near, 2 * share);
  }

  template <class Compute>
  Result run(Compute&& compute, bool with_gradient = true) const {
    Result r(h_.type(), rows_, weight_.in, offset_);
    r.losses.random(8);
    r.d_h.random(9);
    const Rows h{const_cast<void*>(h_.data()), rows_, h_.type()};
    r.sum = compute(Head{weight_, bias_, soft_cap_}, h,
                    Targets{words_.data(), weights_.data(), std::max(divisor_, 1.0)},
                    static_cast<float*>(r.losses.data()),
                    HeadGradients{.h = with_gradient ? r.d_h.data() : nullptr});
    return r;
  }

  template <class Compute>
  Result run_with_head(Compute&& compute) const {
    Result r(h_.type(), rows_, weight_.in, offset_, weight_.out);
    r.d_h.random(9);
    r.d_weight.random(10);
    r.d_bias.random(11);
    r.sum = compute(Head{weight_, bias_, soft_cap_}, Rows{h_.data(), rows_, h_.type()},
                    Targets{words_.data(), weights_.data(), std::max(divisor_, 1.0)},
                    static_cast<float*>(r.losses.data()),
                    HeadGradients{r.d_h.data(), static_cast<float*>(r.d_weight.data()),
                                  static_cast<float*>(r.d_bias.data())});
    return r;
  }

  // The gradients of a head that is trained, too; the rest must be as without them.
  void check_head() const {
    SCOPED_TRACE(testing::Message() << rows_ << " rows, " << weight_.out << " ids of width "
                                    << weight_.in << ", type " << static_cast<int>(h_.type()));
    const Result expected = run_with_head(head_loss_scalar), actual = run_with_head(head_loss);
    check_losses(actual, expected, 3e-6);
    const bool rounded = product_type(h_.type()) == ScalarType::bf16;
    const double near = rounded ? 0x1p-7 : 5e-5, share = rounded ? 0x1p-8 : 1e-6;
    expect_close(actual.d_h, expected.d_h, near, largest_weight() / divisor() * share);
    expect_close(actual.d_weight, expected.d_weight, near, 2 * share);
    expect_close(actual.d_bias, expected.d_bias, near, share);
  }

  // Of few rows in bf16 the logits may be those of the weights as they are stored, which are
  // rounded to bf16 where the rows are many.
  void check_losses(const Result& actual, const Result& expected) const {
    const bool few =
        h_.type() == ScalarType::bf16 && weight_.quantized && rows_ <= 32 && !integers();
    if (few && std::abs(actual.sum - expected.sum) > 3e-6 * (1 + std::abs(expected.sum))) {
      Case exact = *this;
      exact.h_ = Numbers(f32, h_.count(), offset_);
      for (int64_t i = 0; i < h_.count(); ++i) exact.h_.set(i, h_.get(i));
      return check_losses(actual, exact.run(head_loss_scalar), rounds_few() ? 1e-4 : 3e-6);
    }
    // As a product of integers the logits have h to 2^-16 of a group's largest.
    check_losses(actual, expected, integers() || rounds_few() ? 1e-4 : 3e-6);
  }

  bool rounds_few() const {
    return weight_.quantized && rows_ <= 32 && rounds_x(weight_.matrix, h_.type());
  }

  bool integers() const {
    return isa_has_avx512_vnni() && product_type(h_.type()) == f32 && h_.type() != f32 &&
           weight_.quantized && has_biases(weight_.matrix.mode);
  }

  static void check_losses(const Result& actual, const Result& expected, double near) {
    EXPECT_NEAR(actual.sum, expected.sum, near * (1 + std::abs(expected.sum)));
    expect_close(actual.losses, expected.losses, near, 1e-5);
  }

  void check() const {
    SCOPED_TRACE(testing::Message() << rows_ << " rows, " << weight_.out << " ids of width "
                                    << weight_.in << ", type " << static_cast<int>(h_.type()));
    const Result expected = run(head_loss_scalar), actual = run(head_loss);
    check_losses(actual, expected);
    // The numerators of the softmax are rounded to bf16 where that is multiplied, and to the type
    // of h where integers are.
    const bool rounded = gradient_type(weight_, h_.type()) != f32;
    const double scale = largest_weight() / std::max<double>(1, divisor_);
    const double near = rounded ? 0x1p-8 : rounds_few() ? 1e-3 : 5e-5;
    const double share = rounded ? 0x1p-8 : rounds_few() ? 1e-4 : 1e-6;
    expect_close(actual.d_h, expected.d_h, near, scale * share);
    const Result no_gradient = run(head_loss, false);
    EXPECT_EQ(no_gradient.sum, actual.sum);
    expect_close(no_gradient.losses, actual.losses, 0, 0);
  }

 private:
  double divisor() const { return std::max<double>(1, divisor_); }

  double largest_weight() const {
    double largest = 0;
    for (int64_t i = 0; i < weight_.out * weight_.in; ++i) {
      const float w = weight_scalar(weight_, i / weight_.in, i % weight_.in, f32);
      largest = std::max(largest, std::abs(double{w}));
    }
    return largest;
  }

  LinearWeight weight_;
  const float* bias_ = nullptr;
  float soft_cap_ = 0;
  Numbers h_;
  int64_t rows_, offset_;
  std::vector<int32_t> words_;
  std::vector<float> weights_;
  double divisor_ = 0;
  int64_t rank_ = 0;
  float scale_ = 0;
  Numbers xa_{f32, 0}, b_{f32, 0};
};

TEST(HeadLoss, EveryTypeAndMisalignment) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (ScalarType weight_type : kAllTypes) {
        const Numbers w = Numbers(weight_type, 45 * 19, 1).random(2);
        Case(7, 45, 19, type, 3, 1).dense(w).check();
      }
    }
  });
}

TEST(HeadLoss, EveryVocabulary) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t vocab = 1; vocab <= 70; ++vocab) {
        const Numbers w = Numbers(type, vocab * 8, vocab % 3).random(2);
        Case(3, vocab, 8, type, 0, vocab % 2).dense(w).check();
      }
    }
  });
}

// A larger vocabulary than one block, more tokens than one chunk, and numbers that divide by
// nothing.
TEST(HeadLoss, BlocksOfWordsAndChunksOfTokens) {
  for_each_isa([] {
    for (ScalarType type : {f32, ScalarType::bf16}) {
      for (int64_t vocab : {1023, 1024, 1025, 2049, 3331}) {
        const Numbers w = Numbers(type, vocab * 9).random(2);
        Case(5, vocab, 9, type).dense(w).check();
        Case(33, vocab, 9, type, 4).dense(w).check();
      }
      const Numbers w = Numbers(type, 1031 * 4).random(2);
      Case(1029, 1031, 4, type).dense(w).check();
      Case(1200, 1031, 4, type, 5).dense(w).check();
    }
  });
}

TEST(HeadLoss, EveryQuantizedFormat) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int bits : kAllBits) {
        for (int group : kAllGroups) {
          const RandomQuantized w(1100, 128, bits, group, ScalarType::f16);
          Case(6, 1100, 128, type, 4).quantized(w).check();
        }
      }
      for (QuantizationMode mode : kSmallFloatModes) {
        const RandomQuantized w(1100, 128, mode);
        Case(6, 1100, 128, type, 4).quantized(w).check();
      }
    }
  });
}

// One id is so likely that each other's share is below the smallest f16; together they count.
TEST(HeadLoss, UnlikelyIdsOfAQuantizedHeadCount) {
  constexpr int64_t kIds = 4096, kWidth = 64;
  static constexpr int32_t kTarget = 7;
  for_each_isa([] {
    RandomQuantized w(kIds, kWidth, 4, 32, f32);
    for (int64_t id = 0; id < kIds; ++id) {  // the first group makes the logit, of the target 18
      for (int64_t group = 0; group < 2; ++group) w.scales.set(2 * id + group, 0);
      w.biases.set(2 * id, id == kTarget ? 18.0f / 32 : 0);
      w.biases.set(2 * id + 1, id == kTarget ? 0 : 1);
    }
    const LinearWeight weight{.out = kIds, .in = kWidth, .quantized = true, .matrix = w.matrix};
    Numbers h(ScalarType::f16, kWidth), d_h(ScalarType::f16, kWidth);
    for (int64_t i = 0; i < kWidth; ++i) h.set(i, i < 32 ? 1 : 0);
    const float one = 1;
    float loss = 0;
    head_loss({.weight = weight}, {h.data(), 1, ScalarType::f16},
              {.ids = &kTarget, .weights = &one, .divisor = 1e-5}, &loss, {.h = d_h.data()});
    const double others = (kIds - 1) * std::exp(-18.0);
    EXPECT_NEAR(d_h.get(40), others / 1e-5, 0.01 * others / 1e-5);
  });
}

TEST(HeadLoss, BiasAndSoftCap) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t vocab : {1, 7, 33, 1025, 2050}) {
        const Numbers w = Numbers(type, vocab * 9).random(2);
        const Numbers bias = Numbers(f32, vocab).random(4, -2, 2);
        Case(6, vocab, 9, type, 4).dense(w).bias(bias).check();
        for (float cap : {0.5f, 2.0f, 30.0f}) {
          Case(6, vocab, 9, type).dense(w).soft_cap(cap).check();
          Case(6, vocab, 9, type, 3).dense(w).bias(bias).soft_cap(cap).check();
        }
      }
    }
  });
}

TEST(HeadLoss, EveryTokenHasAWeightOfItsOwn) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t vocab : {1, 33, 1100}) {
        const Numbers w = Numbers(type, vocab * 9).random(2);
        Case(13, vocab, 9, type).dense(w).weigh().check();
        Case(13, vocab, 9, type, 4).dense(w).soft_cap(2).weigh().check();
      }
    }
  });
}

TEST(HeadLoss, ThreadsChangeNothing) {
  const Numbers w = Numbers(ScalarType::bf16, 2100 * 70).random(2);
  for_each_isa([&] {
    const Case some = Case(50, 2100, 70, ScalarType::bf16, 7).dense(w);
    std::optional<ThreadsScope> scope;
    scope.emplace(1);
    const Result one = some.run(head_loss);
    for (int threads : {2, 3}) {
      scope.emplace(threads);
      const Result many = some.run(head_loss);
      EXPECT_EQ(many.sum, one.sum);
      expect_close(many.d_h, one.d_h, 0, 0);
    }
  });
}

// The gradient of a word that is all but certain is not lost in the rounding of its probability.
TEST(HeadLoss, GradientOfANearlyCertainWord) {
  for_each_isa([] {
    Numbers w(ScalarType::bf16, 2), h(ScalarType::bf16, 1), d_h(ScalarType::bf16, 1);
    w.set(0, 8.0f);
    w.set(1, -1.0f);
    h.set(0, 1.0f);
    const int32_t target = 0;
    const float one = 1;
    float loss = 0;
    const LinearWeight weight{.out = 2, .in = 1, .data = w.data(), .type = w.type()};
    head_loss({weight}, {h.data(), 1, h.type()}, {&target, &one}, &loss, {d_h.data()});
    const double other = std::exp(-9.0) / (1 + std::exp(-9.0));
    EXPECT_NEAR(loss, other, 1e-6);
    EXPECT_NEAR(d_h.get(0), -9 * other, 9 * other * 0x1p-7);
  });
}

// With one hidden state of 1 the weights are the logits.
TEST(HeadLoss, ExtremeLogitsHaveTheirLimits) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for_each_isa([&] {
    for (int64_t vocab : {5, 5000}) {
      for (int64_t at : {int64_t{0}, vocab - 1}) {
        const auto target = static_cast<int32_t>(at);
        Numbers logits(f32, vocab), h(f32, 1);
        h.set(0, 1.0f);
        auto loss_of = [&](float others, float one) {
          for (int64_t i = 0; i < vocab; ++i) logits.set(i, i == at ? one : others);
          const LinearWeight w{.out = vocab, .in = 1, .data = logits.data(), .type = f32};
          const float weight = 1;
          float loss = 0;
          const float sum = head_loss({w}, {h.data(), 1, f32}, {&target, &weight}, &loss, {});
          EXPECT_EQ(std::isnan(sum), std::isnan(loss));
          return loss;
        };
        EXPECT_EQ(loss_of(-inf, 3.0f), 0.0f);  // certain
        EXPECT_EQ(loss_of(-1e30f, 1e30f), 0.0f);
        EXPECT_EQ(loss_of(0.0f, -inf), inf);  // impossible
        for (float same : {3e38f, -3e38f, -500.0f}) {
          EXPECT_NEAR(loss_of(same, same), std::log(static_cast<double>(vocab)), 1e-5);
        }
        for (auto [others, one] : {std::pair{0.0f, nan},
                                   {nan, 0.0f},
                                   {-inf, nan},
                                   {-inf, -inf},
                                   {0.0f, inf},
                                   {inf, inf}}) {
          EXPECT_TRUE(std::isnan(loss_of(others, one))) << others << " " << one;
        }
      }
    }
  });
}

TEST(HeadLoss, MaskedTokensHaveNoLossAndNoGradient) {
  const Numbers w = Numbers(f32, 40 * 6).random(2);
  const Result r = Case(4, 40, 6, f32, 1).dense(w).run(head_loss);
  EXPECT_EQ(r.sum, 0.0f);
  for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(r.losses.get(i), 0.0f);
  for (int64_t i = 0; i < 24; ++i) EXPECT_EQ(r.d_h.get(i), 0.0f);
}

TEST(HeadLoss, RefusesAWordBeyondTheVocabulary) {
  const Numbers w = Numbers(f32, 4).random(2);
  Numbers h = Numbers(f32, 1).random(3);
  const float one = 1;
  float loss = 0;
  const LinearWeight weight{.out = 4, .in = 1, .data = w.data(), .type = f32};
  for (const int32_t target : {4, -1}) {
    EXPECT_THROW(head_loss({weight}, {h.data(), 1, f32}, {&target, &one}, &loss, {}), Error);
  }
}

TEST(HeadLoss, GradientsOfTheHead) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      const Numbers w = Numbers(type, 70 * 33).random(2, -1, 1);
      const Numbers bias = Numbers(f32, 70).random(3, -1, 1);
      Case(9, 70, 33, type).dense(w).check_head();
      Case(9, 70, 33, type, 3).dense(w).bias(bias).soft_cap(1.5f).weigh().check_head();
      Case(2, 70, 33, type, 1).dense(w).check_head();  // none carries loss
      // Several blocks of the vocabulary, and f32 weights beside other activations.
      const Numbers large = Numbers(f32, 2100 * 8).random(4, -1, 1);
      Case(40, 2100, 8, type, 5).dense(large).check_head();
    }
  });
}

TEST(HeadLoss, Update) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      const Numbers w = Numbers(type, 70 * 33).random(2, -1, 1);
      const Numbers bias = Numbers(f32, 70).random(3, -1, 1);
      for (int64_t rank : {1, 3, 8, 17}) {
        Case(9, 70, 33, type).dense(w).adapted(rank, 0.7f).check_adapted();
        Case(70, 70, 33, type, 3)
            .dense(w)
            .bias(bias)
            .soft_cap(1.5f)
            .weigh()
            .adapted(rank, 2)
            .check_adapted();
      }
      Case(2, 70, 33, type, 1).dense(w).adapted(2, 1).check_adapted();  // none carries loss
      const Numbers large = Numbers(f32, 2100 * 8).random(4, -1, 1);
      Case(40, 2100, 8, type, 5).dense(large).adapted(4, 1.5f).check_adapted();
    }
  });
}

// More tokens than one chunk has: 64 of a vocabulary as large as this.
TEST(HeadLoss, GradientsOfTheHeadOverSeveralChunks) {
  const Numbers w = Numbers(f32, 300000).random(2, -1, 1);
  Case(90, 300000, 1, f32, 4).dense(w).check_head();
  Case(90, 300000, 1, f32, 4).dense(w).adapted(2, 1.5f).check_adapted();
}

}  // namespace
}  // namespace graft::kernels
