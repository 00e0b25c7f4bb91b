// Each operation's CPU kernels against its portable form, values and gradients.

#include <gtest/gtest.h>
#include <mlx/fast.h>
#include <mlx/random.h>

#include <cmath>
#include <limits>
#include <optional>

#include "graft/base/error.h"
#include "graft/base/profile.h"
#include "graft/ops/activation.h"
#include "graft/ops/adafactor.h"
#include "graft/ops/adam.h"
#include "graft/ops/adam8.h"
#include "graft/ops/adapted_norms.h"
#include "graft/ops/attention.h"
#include "graft/ops/backend.h"
#include "graft/ops/embedding.h"
#include "graft/ops/head_loss.h"
#include "graft/ops/linear.h"
#include "graft/ops/lion.h"
#include "graft/ops/muon.h"
#include "graft/ops/norm.h"
#include "graft/ops/rope.h"
#include "graft/ops/rows.h"
#include "graft/ops/sgd.h"
#include "tests/ops/gradient_parity.h"
#include "tests/support/expect_error.h"

namespace graft::ops {
namespace {

struct AttentionCase {
  std::vector<Sequence> sequences;
  int queries, keys;
};

class Ops : public ::testing::TestWithParam<mx::Dtype> {
 protected:
  Ops() { mx::random::seed(1); }
  mx::Dtype dtype() const { return GetParam(); }
  double tolerance() const { return tolerance_of(dtype()); }
  mx::array random(const mx::Shape& shape, float scale = 1.0f) const {
    return random_array(shape, dtype(), scale);
  }

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

Weight quantized(const mx::array& dense, int group_size, int bits, mx::Dtype scales) {
  auto parts = mx::quantize(dense, group_size, bits);
  mx::eval(parts);
  Weight w{parts[0], mx::astype(parts[1], scales), mx::astype(parts[2], scales), bits, group_size};
  mx::eval(*w.scales, *w.biases);
  return w;
}

TEST_P(Ops, LinearOfEveryNumberOfRows) {
  mx::array w = random({96, 64}, 0.1f);
  for (int rows : {1, 2, 3, 4, 5, 6, 31, 32, 33, 100}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          return linear(in[0], {{Weight{w, {}, {}, 0, 0}, {}, {}}});
        },
        {random({rows, 64})}, dtype(), tolerance());
  }
}

TEST_P(Ops, LinearWithBias) {
  mx::array w = random({40, 72}, 0.1f), bias = random({40});
  for (int rows : {1, 3, 20}) {
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          return linear(in[0], {{Weight{w, {}, {}, 0, 0}, bias, {}}});
        },
        {random({rows, 72})}, dtype(), tolerance());
  }
}

TEST_P(Ops, LinearGroupWithLora) {
  mx::array wq = random({96, 64}, 0.1f), wk = random({32, 64}, 0.1f), wv = random({32, 64}, 0.1f);
  for (int rows : {1, 4, 7, 70}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          LoraUpdate q{in[1], in[2], 2.0f, {}}, v{in[3], in[4], 0.5f, {}};
          return linear(in[0], {{Weight{wq, {}, {}, 0, 0}, {}, q},
                                {Weight{wk, {}, {}, 0, 0}, {}, {}},
                                {Weight{wv, {}, {}, 0, 0}, {}, v}});
        },
        {random({rows, 64}), random_array({64, 8}, mx::float32, 0.2f),
         random_array({8, 96}, mx::float32, 0.2f), random_array({64, 5}, mx::float32, 0.2f),
         random_array({5, 32}, mx::float32, 0.2f)},
        dtype(), tolerance());
  }
}

// DoRA: a factor for each column of y, beside a projection without.
TEST_P(Ops, LinearGroupWithFactors) {
  const mx::array wq = random({96, 64}, 0.1f), wk = random({32, 64}, 0.1f), bias = random({96});
  const Weight quarter = quantized(random_array({32, 64}, mx::float32, 0.1f), 32, 4, mx::float32);
  for (int rows : {1, 4, 7, 70}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          LoraUpdate q{in[1], in[2], 2.0f, {}, in[3]}, v{in[4], in[5], 0.5f, {}, in[6]};
          return linear(in[0], {{Weight{wq, {}, {}, 0, 0}, bias, q},
                                {Weight{wk, {}, {}, 0, 0}, {}, {}},
                                {quarter, {}, v}});
        },
        {random({rows, 64}), random_array({64, 8}, mx::float32, 0.2f),
         random_array({8, 96}, mx::float32, 0.2f), random_array({96}, mx::float32),
         random_array({64, 5}, mx::float32, 0.2f), random_array({5, 32}, mx::float32, 0.2f),
         random_array({32}, mx::float32)},
        dtype(), tolerance());
  }
}

TEST_P(Ops, FactorsOfOneChangeNothing) {
  const Weight w = quantized(random_array({96, 64}, mx::float32, 0.1f), 32, 4, mx::float32);
  const mx::array a = random_array({64, 8}, mx::float32), b = random_array({8, 96}, mx::float32);
  for (int rows : {1, 4, 7, 70, 1000}) {
    SCOPED_TRACE(rows);
    const mx::array x = random({rows, 64});
    const mx::array with = linear(x, {{w, {}, LoraUpdate{a, b, 1, {}, mx::ones({96})}}})[0];
    const mx::array without = linear(x, {{w, {}, LoraUpdate{a, b, 1, {}}}})[0];
    EXPECT_TRUE(mx::array_equal(with, without).item<bool>());
  }
}

TEST_P(Ops, NormsOfAdaptedRows) {
  for (int bits : {0, 2, 3, 4, 5, 6, 8}) {
    SCOPED_TRACE(bits);
    const mx::array dense = random({48, 128}, 0.1f);
    const Weight w = bits == 0 ? Weight{dense, {}, {}, 0, 0} : quantized(dense, 64, bits, dtype());
    const mx::array a = random_array({128, 5}, mx::float32, 0.2f);
    const mx::array b = random_array({5, 48}, mx::float32, 0.2f);
    const mx::array sum = mx::add(dequantized(w, mx::float32),
                                  mx::multiply(mx::array(1.5f), mx::transpose(mx::matmul(a, b))));
    const mx::array norms = mx::sqrt(mx::sum(mx::square(sum), 1));
    const mx::array found = adapted_row_norms(w, squared_row_norms(w), a, b, 1.5f);
    EXPECT_LT(testing::distance(found, norms), 3e-6);
  }
}

TEST(AdaptedNorms, RowsThatVanishAreFinite) {
  const mx::array w = mx::array({0.0f, 0.0f, 1.0f, 2.0f}, {2, 2});  // a row of zeros, (1, 2)
  const mx::array a = mx::array({1.0f, 2.0f}, {2, 1}), b = mx::array({0.0f, -1.0f}, {1, 2});
  const Weight weight{w, {}, {}, 0, 0};
  const mx::array found = adapted_row_norms(weight, squared_row_norms(weight), a, b, 1);
  EXPECT_EQ(mx::take(found, 0).item<float>(), std::numeric_limits<float>::infinity());
  EXPECT_NEAR(mx::take(found, 1).item<float>(), std::sqrt(5.0) / 1000, 1e-5);
}

TEST_P(Ops, LoraWithAnInputOfItsOwn) {
  mx::array w = random({48, 64}, 0.1f);
  expect_parity(
      [&](const std::vector<mx::array>& in) {
        return linear(in[0],
                      {{Weight{w, {}, {}, 0, 0}, {}, LoraUpdate{in[2], in[3], 2.0f, in[1]}}});
      },
      {random({9, 64}), random({9, 64}), random_array({64, 4}, mx::float32, 0.2f),
       random_array({4, 48}, mx::float32, 0.2f)},
      dtype(), tolerance());
}

TEST_P(Ops, QuantizedLinearOfEveryFormat) {
  mx::array dense = random_array({80, 256}, mx::float32, 0.1f);
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    for (int group : {32, 64, 128}) {
      for (mx::Dtype scales : {mx::float32, mx::float16, mx::bfloat16}) {
        Weight w = quantized(dense, group, bits, scales);
        for (int rows : {1, 5, 40}) {
          SCOPED_TRACE(::testing::Message()
                       << bits << " bits, group " << group << ", " << rows << " rows");
          expect_parity(
              [&](const std::vector<mx::array>& in) {
                return linear(in[0], {{w, {}, {}}});
              },
              {random({rows, 256})}, dtype(), tolerance());
        }
      }
    }
  }
}

TEST_P(Ops, LinearOfNumbersOfFewBits) {
  const mx::array dense = random_array({80, 256}, mx::float32, 0.1f);
  for (QuantizationMode mode :
       {QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    const Weight w = quantized_as(dense, mode, default_bits(mode), default_group_size(mode));
    EXPECT_EQ(w.in(), 256);
    for (int rows : {1, 5, 40}) {
      SCOPED_TRACE(::testing::Message() << name_of(mode) << ", " << rows << " rows");
      expect_parity(
          [&](const std::vector<mx::array>& in) {
            return linear(in[0], {{w, {}, {}}});
          },
          {random({rows, 256})}, dtype(), tolerance());
    }
  }
}

// Codes and scales of every kind, as MLX reads them.
TEST(NumbersOfFewBits, AreMlxsOwn) {
  mx::random::seed(3);
  for (QuantizationMode mode :
       {QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    SCOPED_TRACE(name_of(mode));
    const int bits = default_bits(mode), group = default_group_size(mode);
    const mx::array bytes = mx::astype(mx::random::randint(0, 256, {256, 64 * bits}), mx::uint8);
    const mx::array scales =
        mx::broadcast_to(mx::astype(mx::arange(0, 256), mx::uint8), {512 / group, 256});
    const Weight w{
        mx::view(bytes, mx::uint32), mx::contiguous(mx::transpose(scales)), {}, bits, group, mode};
    const mx::array ids = mx::arange(0, 256, mx::int32);
    const auto rows = [&](Kernels kernels) {
      KernelsScope backend(kernels);
      return mx::contiguous(embedding(ids, w, mx::float32));
    };
    EXPECT_TRUE(mx::array_equal(rows(Kernels::own), rows(Kernels::mlx), true).item<bool>());
  }
}

// Weights of another type than the activations are widened panel by panel; 700 rows of 1100 columns
// are several panels.
TEST_P(Ops, LinearOverSeveralPanels) {
  Weight w = quantized(random_array({700, 1152}, mx::float32, 0.05f), 64, 4, mx::float16);
  mx::array dense = random_array({700, 1152}, mx::float16, 0.05f);
  for (const Weight& weight : {w, Weight{dense, {}, {}, 0, 0}}) {
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          return linear(in[0], {{weight, {}, {}}});
        },
        {random({37, 1152})}, dtype(), tolerance());
  }
}

TEST_P(Ops, NormOfASum) {
  mx::array weight = random({72});
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        AddNorm r = add_rms_norm(in[0], in[1], weight, 1e-3f);
        return {r.sum, r.normed};
      },
      {random({13, 72}), random({13, 72})}, dtype(), tolerance());
}

TEST_P(Ops, NormAlone) {
  mx::array weight = random({40});
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        return {rms_norm(in[0], weight, 1e-5f)};
      },
      {random({5, 40})}, dtype(), tolerance());
}

// Gemma's 1 + w of float32 keeps its bits where h is bfloat16.
TEST(Norm, WeightIsNotRoundedToTheTypeOfRows) {
  mx::array h = mx::astype(mx::random::normal({5, 40}), mx::bfloat16);
  const mx::array weight =
      mx::full({40}, mx::array(1.0f + 1.0f / 512));  // bfloat16 has 1 or 1 + 1/128
  for (bool kernels : {false, true}) {
    KernelsScope backend(kernels ? Kernels::own : Kernels::mlx);
    mx::array wide = mx::fast::rms_norm(mx::astype(h, mx::float32), weight, 1e-5f);
    mx::array normed = rms_norm(h, weight, 1e-5f);
    EXPECT_EQ(normed.dtype(), mx::bfloat16);
    EXPECT_TRUE(mx::allclose(mx::astype(normed, mx::float32),
                             mx::astype(mx::astype(wide, mx::bfloat16), mx::float32), 0, 0)
                    .item<bool>())
        << kernels;
  }
}

TEST_P(Ops, LayerNormOfASumAndAlone) {
  mx::array weight = random({72});
  const std::optional<mx::array> biases[] = {std::nullopt, random({72})};
  for (const std::optional<mx::array>& bias : biases) {
    SCOPED_TRACE(bias.has_value());
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          AddNorm r = add_layer_norm(in[0], in[1], weight, bias, 1e-3f);
          return {r.sum, r.normed};
        },
        {random({13, 72}), random({13, 72})}, dtype(), tolerance());
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {layer_norm(in[0], weight, bias, 1e-5f)};
        },
        {random({5, 72})}, dtype(), tolerance());
  }
}

TEST_P(Ops, ActivationsWithAndWithoutAGate) {
  for (Activation kind : {Activation::silu, Activation::gelu_tanh, Activation::gelu}) {
    SCOPED_TRACE(static_cast<int>(kind));
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {gated_activation(kind, in[0], in[1])};
        },
        {random({7, 50}, 3.0f), random({7, 50})}, dtype(), tolerance());
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {activation(kind, in[0])};
        },
        {random({7, 50}, 3.0f)}, dtype(), tolerance());
  }
}

TEST_P(Ops, RopeWholeAndPartial) {
  for (int rotary : {16, 8}) {
    mx::array angles = mx::multiply(mx::random::uniform({11, rotary / 2}), mx::array(6.0f));
    RopeTable table{mx::cos(angles), mx::sin(angles)};
    mx::eval(table.cos, table.sin);
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {rope(in[0], table, 16)};
        },
        {random({11, 48})}, dtype(), tolerance());
  }
}

TEST_P(Ops, AttentionWithinSequencesAndWithAPast) {
  for (const AttentionCase& c :
       std::vector<AttentionCase>{{{{0, 1, 0, 1}}, 1, 1},
                                  {{{0, 37, 0, 37}, {37, 38, 37, 38}, {38, 70, 38, 70}}, 70, 70},
                                  {{{0, 130, 0, 130}}, 130, 130},
                                  {{{0, 1, 0, 90}}, 1, 90},
                                  {{{0, 9, 0, 40}}, 9, 40}}) {
    expect_attention(c, {6, 2, 16, 0.25f});
  }
}

TEST_P(Ops, AttentionWithAWindowAndASoftCap) {
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

TEST_P(Ops, AttentionRefusesWindowsAndCapsThatCannotBe) {
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
TEST_P(Ops, AttentionCountsTheScoresThatAreSeen) {
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

// The same bits, with and without a graph; also where the graph has nodes of MLX's own.
TEST_P(Ops, RunAtOnceGivesTheSameAsAGraph) {
  const mx::array x = random({3, 64}), weight = random({64});
  const Weight dense{random({90, 64}), {}, {}, 0, 0};
  auto compute = [&] {
    mx::array turned = mx::transpose(mx::transpose(rms_norm(x, weight, 1e-5f)));
    std::vector<mx::array> y = linear(turned, {{dense, {}, {}}, {dense, {}, {}}});
    return gated_activation(Activation::silu, y[0], mx::slice(y[1], {0, 0}, {3, 90}));
  };
  KernelsScope backend(Kernels::own);
  mx::array lazy = compute();
  EXPECT_NE(lazy.status(), mx::array::Status::available);
  {
    const RunAtOnce at_once;
    mx::array at = compute();
    EXPECT_EQ(at.status(), mx::array::Status::available);
    EXPECT_EQ(testing::distance(mx::astype(lazy, mx::float32), mx::astype(at, mx::float32)), 0);
  }
  EXPECT_NE(compute().status(), mx::array::Status::available);
  KernelsScope portable(Kernels::mlx);
  const RunAtOnce nothing;
  EXPECT_NE(compute().status(), mx::array::Status::available);
}

TEST_P(Ops, RunAtOnceLeavesGradientsAsTheyAre) {
  const mx::array x = random({3, 64}), weight = random({64});
  auto gradient = [&] {
    auto loss = [&](const mx::array& in) {
      return mx::sum(mx::astype(rms_norm(in, weight, 1e-5f), mx::float32));
    };
    mx::array g = mx::astype(mx::grad(loss)(x), mx::float32);
    g.eval();
    return g;
  };
  KernelsScope backend(Kernels::own);
  const mx::array lazy = gradient();
  const RunAtOnce at_once;
  EXPECT_EQ(testing::distance(gradient(), lazy), 0);
}

TEST_P(Ops, WriteRowsReplacesRows) {
  const mx::array rows = random({2, 5});
  for (bool at_once : {false, true}) {
    KernelsScope backend(Kernels::own);
    std::optional<RunAtOnce> running;
    if (at_once) running.emplace();
    mx::array whole = mx::zeros({6, 5}, dtype());
    write_rows(whole, 3, rows, {0, rows.shape(0)});
    mx::array expected =
        mx::concatenate({mx::zeros({3, 5}, dtype()), rows, mx::zeros({1, 5}, dtype())}, 0);
    EXPECT_EQ(testing::distance(mx::astype(whole, mx::float32), mx::astype(expected, mx::float32)),
              0);
    write_rows(whole, 0, rows, {1, 1});
    expected =
        mx::concatenate({mx::slice(rows, {1, 0}, {2, 5}), mx::slice(expected, {1, 0}, {6, 5})}, 0);
    EXPECT_EQ(testing::distance(mx::astype(whole, mx::float32), mx::astype(expected, mx::float32)),
              0);
    testing::expect_error(
        [&] {
          write_rows(whole, 5, rows, {0, 2});
        },
        "rows [0, 2) of 2 of width 5 are written at 5 of 6");
    testing::expect_error([&] { write_rows(whole, -1, rows, {0, 2}); }, "written at -1");
    testing::expect_error([&] { write_rows(whole, 0, rows, {1, 2}); }, "rows [1, 3) of 2");
  }
}

TEST_P(Ops, EmbeddingOfDenseAndQuantizedWeights) {
  const mx::array ids({5, 0, 89, 5}, mx::int32);
  for (const Weight& w : {Weight{random({90, 64}), {}, {}, 0, 0},
                          quantized(random_array({90, 64}, mx::float32), 32, 4, mx::bfloat16),
                          quantized_as(random({90, 64}), QuantizationMode::mxfp4, 4, 32),
                          quantized_as(random({90, 64}), QuantizationMode::mxfp8, 8, 32),
                          quantized_as(random({90, 64}), QuantizationMode::nvfp4, 4, 16)}) {
    auto rows = [&](bool kernels) {
      KernelsScope backend(kernels ? Kernels::own : Kernels::mlx);
      mx::array all = mx::astype(embedding(ids, w, dtype()), mx::float32);
      all.eval();
      return all;
    };
    EXPECT_EQ(testing::distance(rows(true), rows(false)), 0);
  }
}

TEST_P(Ops, HeadAndLossWithMaskedTokens) {
  for (int rows : {1, 30, 300}) {
    SCOPED_TRACE(rows);
    std::vector<int32_t> next;
    std::vector<float> weights;
    for (int i = 0; i < rows; ++i) {
      next.push_back(i % 3 == 2 ? -1 : (i * 7) % 90);
      weights.push_back(i % 3 == 2 ? 0.0f : 0.5f * static_cast<float>(i % 4 + 1));
    }
    const Targets targets{mx::array(next.begin(), {rows}, mx::int32),
                          mx::array(weights.begin(), {rows}, mx::float32)};
    for (const Weight& w :
         {Weight{random({90, 64}, 0.3f), {}, {}, 0, 0},
          quantized(random_array({90, 64}, mx::float32, 0.3f), 32, 4, mx::bfloat16)}) {
      for (const Head& head : {Head{w}, Head{w, random_array({90}, mx::float32), 1.5f}}) {
        expect_parity(
            [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
              return {head_loss(in[0], head, targets, rows, LossGradient::of_sum).sum};
            },
            {random({rows, 64})}, dtype(), tolerance());
        // The single losses under any gradient, and the sum beside them.
        expect_parity(
            [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
              HeadLoss loss = head_loss(in[0], head, targets, rows, LossGradient::of_losses);
              return {loss.losses, loss.sum};
            },
            {random({rows, 64})}, dtype(), tolerance());
        auto losses = [&](bool kernels) {
          KernelsScope backend(kernels ? Kernels::own : Kernels::mlx);
          mx::random::seed(3);
          mx::array l = head_loss(random_array({rows, 64}, kernels ? dtype() : mx::float32), head,
                                  targets, 1, LossGradient::none)
                            .losses;
          l.eval();
          return l;
        };
        EXPECT_LT(testing::distance(losses(true), losses(false)), 2 * tolerance());
      }
    }
  }
}

TEST(HeadLoss, NoTokenThatCarriesLossGivesZero) {
  KernelsScope backend(Kernels::own);
  const Targets targets{mx::full({4}, -1, mx::int32), mx::zeros({4}, mx::float32)};
  HeadLoss loss = head_loss(mx::ones({4, 32}), {{mx::ones({50, 32}), {}, {}, 0, 0}}, targets, 1,
                            LossGradient::of_sum);
  EXPECT_EQ(loss.sum.item<float>(), 0.0f);
}

// The arrays that a step gives on our kernels and on MLX's operations.
template <class Step>
void expect_portable(Step&& step) {
  auto run = [&](Kernels kernels) {
    KernelsScope backend(kernels);
    std::vector<mx::array> arrays = step();
    mx::eval(arrays);
    return arrays;
  };
  const auto found = run(Kernels::own), expected = run(Kernels::mlx);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_LT(testing::distance(found[i], expected[i]), 1e-6) << i;
  }
}

TEST(Optimizers, AreThoseOfThePortableForm) {
  mx::random::seed(5);
  const mx::Shape shape = {9, 50};
  const mx::array p = mx::random::normal(shape), m = mx::random::normal(shape);
  const mx::array v = mx::square(mx::random::normal(shape)), g = mx::random::normal(shape);
  expect_portable([&]() -> std::vector<mx::array> {
    const AdamState next = adam_step({p, m, v}, g, {.learning_rate = 1e-2f, .weight_decay = 0.1f});
    return {next.parameter, next.m, next.v};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const CodedAverage zeros = CodedAverage::zeros(p);
    const AdamOptions options{.learning_rate = 1e-2f, .corrected_step = 1};
    Adam8State next = adam8_step({p, zeros, zeros}, g, options);
    next = adam8_step(next, m, options);
    return {next.parameter, next.m.codes, next.m.largest, next.v.codes, next.v.largest};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    return {sgd_step({p, {}}, g, {.learning_rate = 1e-2f, .weight_decay = 0.1f}).parameter};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const SgdState next =
        sgd_step({p, m}, g, {.learning_rate = 1e-2f, .momentum = 0.9, .dampening = 0.3});
    return {next.parameter, *next.velocity};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const LionState next = lion_step({p, m}, g, {.learning_rate = 1e-2f, .weight_decay = 0.1f});
    return {next.parameter, next.m};
  });
  const mx::array matrix = mx::reshape(p, {-1, 5}), slope = mx::reshape(g, {-1, 5});
  expect_portable([&]() -> std::vector<mx::array> {
    const MuonState next = muon_step({matrix, mx::reshape(m, {-1, 5})}, slope,
                                     {.learning_rate = 1e-2f, .weight_decay = 0.1f});
    return {next.parameter, next.v};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const AdafactorState next = adafactor_step(
        AdafactorState{matrix, mx::mean(mx::square(matrix), -1), mx::mean(mx::square(matrix), -2),
                       mx::reshape(m, {-1, 5})},
        slope,
        {.rate = 1e-2f, .keep = 0.4f, .weight_decay = 0.1f, .scale_parameter = true, .beta1 = 0.9});
    return {next.parameter, next.row, next.col, *next.m};
  });
}

INSTANTIATE_TEST_SUITE_P(Types, Ops, ::testing::Values(mx::float32, mx::bfloat16, mx::float16),
                         [](const auto& type) {
                           if (type.param == mx::float32) return "f32";
                           return type.param == mx::bfloat16 ? "bf16" : "f16";
                         });

}  // namespace
}  // namespace graft::ops
