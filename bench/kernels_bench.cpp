// Times the kernels whose time is the memory's, each after its result was compared with its scalar
// twin's. GB/s count what must be read and written at least once, of_peak their share of what can
// be read from memory (above 1 where a cache holds it); copy and fill are yardsticks for what is
// written. Sizes are those of SmolLM2-135M (D 576, F 1536, V 49152) and a step of 512 tokens.
//   GRAFT_CPU_ISA=avx2 build/bench/kernels_bench --benchmark_repetitions=5

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "bench/array.h"
#include "bench/timing.h"
#include "bench/weights.h"
#include "graft/kernels/adam.h"
#include "graft/kernels/convert.h"
#include "graft/kernels/online_softmax.h"
#include "graft/kernels/parallel.h"
#include "graft/kernels/scalar/activation.h"
#include "graft/kernels/scalar/adam.h"
#include "graft/kernels/scalar/layer_norm.h"
#include "graft/kernels/scalar/matvec.h"
#include "graft/kernels/scalar/quantized.h"
#include "graft/kernels/scalar/rms_norm.h"
#include "graft/kernels/scalar/rope.h"

namespace {

using graft::Activation;
using graft::QuantizationMode;
using namespace graft::bench;
using namespace graft::kernels;

constexpr ScalarType f32 = ScalarType::f32, bf16 = ScalarType::bf16;
constexpr int64_t kTokens = 512, kHidden = 576, kForward = 1536, kVocab = 49152;

void copy(benchmark::State& state) {
  Array in(f32, state.range(0)), out(f32, state.range(0));
  time_bytes(state, true, 2 * in.bytes(), [&] {
    parallel_ranges(in.bytes(), 1 << 16, [&](int64_t begin, int64_t end) {
      std::memcpy(static_cast<char*>(out.data()) + begin, static_cast<char*>(in.data()) + begin,
                  static_cast<size_t>(end - begin));
    });
  });
}

void fill(benchmark::State& state) {
  Array out(f32, state.range(0));
  time_bytes(state, true, out.bytes(), [&] {
    parallel_ranges(out.bytes(), 1 << 16, [&](int64_t begin, int64_t end) {
      std::memset(static_cast<char*>(out.data()) + begin, 1, static_cast<size_t>(end - begin));
    });
  });
}

void read(benchmark::State& state) {
  Array in(f32, state.range(0));
  std::vector<float> x(4096, 1.0f), y(static_cast<size_t>(state.range(0)) / 4096);
  const DenseMatrix w{in.data(), f32, state.range(0) / 4096, 4096};
  time_bytes(state, true, in.bytes(), [&] { matvec(w, 1, x.data(), f32, nullptr, y.data(), f32); });
}

void convert_f32_to_bf16(benchmark::State& state) {
  const int64_t count = state.range(0);
  Array in(f32, count), out(bf16, count);
  convert(f32, in.data(), bf16, out.data(), count);
  time_bytes(state, out.agrees(in, 1000), in.bytes() + out.bytes(),
             [&] { convert(f32, in.data(), bf16, out.data(), count); });
}

void norm(benchmark::State& state, ScalarType type) {
  const int64_t count = kTokens * kHidden;
  const NormShape shape{kTokens, kHidden, 1e-5f, type, type}, some{2, kHidden, 1e-5f, type, type};
  Array h(type, count), delta(type, count), weight(type, kHidden), sum(type, count);
  Array normed(type, count), sum2(type, count), normed2(type, count);
  auto run = [&] {
    add_rms_norm(shape, h.data(), delta.data(), weight.data(), sum.data(), normed.data());
  };
  run();
  add_rms_norm_scalar(some, h.data(), delta.data(), weight.data(), sum2.data(), normed2.data());
  time_bytes(state, normed.agrees(normed2, 2 * kHidden), 4 * h.bytes(), run);
}

void layer_norm(benchmark::State& state, ScalarType type) {
  const int64_t count = kTokens * kHidden;
  const NormShape shape{kTokens, kHidden, 1e-5f, type, type}, some{2, kHidden, 1e-5f, type, type};
  Array h(type, count), delta(type, count), weight(type, kHidden), bias(type, kHidden);
  Array sum(type, count), normed(type, count), sum2(type, count), normed2(type, count);
  auto run = [&] {
    add_layer_norm(shape, h.data(), delta.data(), weight.data(), bias.data(), sum.data(),
                   normed.data());
  };
  run();
  add_layer_norm_scalar(some, h.data(), delta.data(), weight.data(), bias.data(), sum2.data(),
                        normed2.data());
  time_bytes(state, normed.agrees(normed2, 2 * kHidden), 4 * h.bytes(), run);
}

using NormBackward = void (*)(const NormShape& shape, const void* sum, const void* weight,
                              const void* d_normed, const void* d_sum, void* d_h);

void time_norm_backward(benchmark::State& state, ScalarType type, NormBackward backward,
                        NormBackward backward_scalar) {
  const int64_t count = kTokens * kHidden;
  const NormShape shape{kTokens, kHidden, 1e-5f, type, type}, some{2, kHidden, 1e-5f, type, type};
  Array sum(type, count), weight(type, kHidden), d_normed(type, count), d_sum(type, count);
  Array d_h(type, count), d_h2(type, count);
  auto run = [&] {
    backward(shape, sum.data(), weight.data(), d_normed.data(), d_sum.data(), d_h.data());
  };
  run();
  backward_scalar(some, sum.data(), weight.data(), d_normed.data(), d_sum.data(), d_h2.data());
  time_bytes(state, d_h.agrees(d_h2, 2 * kHidden), 4 * sum.bytes(), run);
}

void norm_backward(benchmark::State& state, ScalarType type) {
  time_norm_backward(state, type, add_rms_norm_backward, add_rms_norm_backward_scalar);
}

void layer_norm_backward(benchmark::State& state, ScalarType type) {
  time_norm_backward(state, type, add_layer_norm_backward, add_layer_norm_backward_scalar);
}

void gated(benchmark::State& state, Activation kind, ScalarType type) {
  const int64_t count = kTokens * kForward;
  Array gate(type, count), up(type, count), out(type, count), out2(type, count);
  auto run = [&] { activation(kind, count, type, gate.data(), up.data(), out.data()); };
  run();
  activation_scalar(kind, 1000, type, gate.data(), up.data(), out2.data());
  time_bytes(state, out.agrees(out2, 1000), 3 * gate.bytes(), run);
}

void gated_backward(benchmark::State& state, Activation kind, ScalarType type) {
  const int64_t count = kTokens * kForward;
  Array gate(type, count), up(type, count), d_out(type, count), d_gate(type, count);
  Array d_up(type, count), d_gate2(type, count), d_up2(type, count);
  auto run = [&] {
    activation_backward(kind, count, type, gate.data(), up.data(), d_out.data(), d_gate.data(),
                        d_up.data());
  };
  run();
  activation_backward_scalar(kind, 1000, type, gate.data(), up.data(), d_out.data(), d_gate2.data(),
                             d_up2.data());
  time_bytes(state, d_gate.agrees(d_gate2, 1000) && d_up.agrees(d_up2, 1000), 5 * gate.bytes(),
             run);
}

void ungated(benchmark::State& state, Activation kind, ScalarType type) {
  const int64_t count = kTokens * kForward;
  Array x(type, count), out(type, count), out2(type, count);
  auto run = [&] { activation(kind, count, type, x.data(), nullptr, out.data()); };
  run();
  activation_scalar(kind, 1000, type, x.data(), nullptr, out2.data());
  time_bytes(state, out.agrees(out2, 1000), 2 * x.bytes(), run);
}

void ungated_backward(benchmark::State& state, Activation kind, ScalarType type) {
  const int64_t count = kTokens * kForward;
  Array x(type, count), d_out(type, count), d_x(type, count), d_x2(type, count);
  auto run = [&] {
    activation_backward(kind, count, type, x.data(), nullptr, d_out.data(), d_x.data(), nullptr);
  };
  run();
  activation_backward_scalar(kind, 1000, type, x.data(), nullptr, d_out.data(), d_x2.data(),
                             nullptr);
  time_bytes(state, d_x.agrees(d_x2, 1000), 3 * x.bytes(), run);
}

// A block of ids of the vocabulary, as head_loss takes it.
void softmax_block(benchmark::State& state, ScalarType type) {
  constexpr int64_t kColumns = 1024;
  Array logits(f32, kTokens * kColumns), numerators(type, kTokens * kColumns);
  const std::vector<int32_t> targets(static_cast<size_t>(kTokens), 17);
  std::vector<OnlineSoftmax> rows(static_cast<size_t>(kTokens));
  auto run = [&] {
    online_softmax({.rows = kTokens,
                    .columns = kColumns,
                    .first_column = 0,
                    .logits = logits.floats(),
                    .targets = targets.data(),
                    .numerators = numerators.data(),
                    .type = type,
                    .weighted = nullptr,
                    .width = 0},
                   rows.data());
  };
  run();
  double sum = 0;
  for (int64_t i = 0; i < kColumns; ++i) sum += std::exp(double{logits.get(i)});
  const double loss = std::log(sum) - logits.get(17);
  time_bytes(state, std::abs(rows[0].loss() - loss) < 1e-5, logits.bytes() + numerators.bytes(),
             run);
}

void dequantize(benchmark::State& state, Stored stored, ScalarType type) {
  constexpr int64_t kRows = 32768;
  Quantized q(kRows, kHidden, stored);
  Array out(type, kRows * kHidden), out2(type, 2 * kHidden);
  auto run = [&] { dequantize_block(q.matrix, 0, kRows, 0, kHidden, type, out.data(), kHidden); };
  run();
  dequantize_block_scalar(q.matrix, 0, 2, 0, kHidden, type, out2.data(), kHidden);
  time_bytes(state, out.agrees(out2, 2 * kHidden), q.bytes() + out.bytes(), run);
}

// The same panel over and over, as a matrix product wants it: in the cache.
void dequantize_panel(benchmark::State& state, Stored stored) {
  constexpr int64_t kRows = 64;
  Quantized q(kRows, kHidden, stored);
  Array out(bf16, kRows * kHidden), out2(bf16, 2 * kHidden);
  auto run = [&] { dequantize_block(q.matrix, 0, kRows, 0, kHidden, bf16, out.data(), kHidden); };
  run();
  dequantize_block_scalar(q.matrix, 0, 2, 0, kHidden, bf16, out2.data(), kHidden);
  time_bytes(state, out.agrees(out2, 2 * kHidden), out.bytes(), run);
}

// The rows of an embedding for a step's tokens.
void embedding_rows(benchmark::State& state, Stored stored) {
  Quantized q(kVocab, kHidden, stored);
  std::vector<int32_t> ids(static_cast<size_t>(kTokens));
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7919 % kVocab);
  Array out(bf16, kTokens * kHidden), out2(bf16, kTokens * kHidden);
  auto run = [&] { dequantize_rows(q.matrix, ids.data(), kTokens, bf16, out.data()); };
  run();
  for (int64_t i = 0; i < kTokens; ++i) {
    const int64_t row = ids[static_cast<size_t>(i)];
    dequantize_block_scalar(q.matrix, row, row + 1, 0, kHidden, bf16,
                            static_cast<bf16_t*>(out2.data()) + i * kHidden, kHidden);
  }
  time_bytes(state, out.agrees(out2), q.bytes() * kTokens / kVocab + out.bytes(), run);
}

void rope_heads(benchmark::State& state, ScalarType type) {
  const RopeShape shape{kTokens, 9, 64, 64, type};
  Array x(type, kTokens * kHidden), cos(f32, kTokens * 32), sin(f32, kTokens * 32);
  Array out(x), out2(x);
  auto run = [&] { rope(shape, x.data(), cos.floats(), sin.floats(), false, out.data()); };
  run();
  rope_scalar(shape, x.data(), cos.floats(), sin.floats(), false, out2.data());
  time_bytes(state, out.agrees(out2), 2 * x.bytes() + 2 * cos.bytes(), run);
}

void dense_vector(benchmark::State& state, int64_t x_rows, ScalarType type) {
  Array data(type, kVocab * kHidden), x(bf16, 8 * kHidden);
  Array y(f32, 8 * kVocab), y2(f32, 8 * kVocab);
  const DenseMatrix w{data.data(), type, kVocab, kHidden}, some{data.data(), type, 100, kHidden};
  auto run = [&] { matvec(w, x_rows, x.data(), bf16, nullptr, y.data(), f32); };
  run();
  matvec_scalar(some, 1, x.data(), bf16, nullptr, y2.data(), f32);
  time_bytes(state, y.agrees(y2, 100), data.bytes(), run);
}

void quantized_vector(benchmark::State& state, int64_t x_rows, Stored stored) {
  Quantized q(kVocab, kHidden, stored);
  Array x(bf16, 8 * kHidden), y(f32, 8 * kVocab), y2(f32, 8 * kVocab);
  QuantizedMatrix some = q.matrix;
  some.rows = 100;
  auto run = [&] { matvec(q.matrix, x_rows, x.data(), bf16, nullptr, y.data(), f32); };
  run();
  matvec_scalar(some, 1, x.data(), bf16, nullptr, y2.data(), f32);
  time_bytes(state, y.agrees(y2, 100), q.bytes(), run);
}

void adam(benchmark::State& state) {
  const int64_t count = state.range(0);
  Array g(f32, count), p(f32, count), m(f32, count), v(f32, count), v0(f32, count);
  for (int64_t i = 0; i < count; ++i) v.floats()[i] = std::abs(v0.floats()[i]);
  Array p2(p), m2(m), v2(v);
  auto run = [&] {
    adam_update({.learning_rate = 1e-5f}, count, g.floats(), p.floats(), m.floats(), v.floats(),
                p.floats(), m.floats(), v.floats());
  };
  run();
  adam_update_scalar({.learning_rate = 1e-5f}, 1000, g.floats(), p2.floats(), m2.floats(),
                     v2.floats(), p2.floats(), m2.floats(), v2.floats());
  time_bytes(state, p.agrees(p2, 1000) && m.agrees(m2, 1000) && v.agrees(v2, 1000), 7 * g.bytes(),
             run);
}

BENCHMARK(copy)->Arg(16 << 20)->UseRealTime();
BENCHMARK(fill)->Arg(16 << 20)->UseRealTime();
BENCHMARK(read)->Arg(16 << 20)->UseRealTime();
BENCHMARK(convert_f32_to_bf16)->Arg(16 << 20)->UseRealTime();
BENCHMARK_CAPTURE(norm, bf16, bf16)->UseRealTime();
BENCHMARK_CAPTURE(norm, f32, f32)->UseRealTime();
BENCHMARK_CAPTURE(norm_backward, bf16, bf16)->UseRealTime();
BENCHMARK_CAPTURE(norm_backward, f32, f32)->UseRealTime();
BENCHMARK_CAPTURE(layer_norm, bf16, bf16)->UseRealTime();
BENCHMARK_CAPTURE(layer_norm, f32, f32)->UseRealTime();
BENCHMARK_CAPTURE(layer_norm_backward, bf16, bf16)->UseRealTime();
BENCHMARK_CAPTURE(layer_norm_backward, f32, f32)->UseRealTime();
BENCHMARK_CAPTURE(gated, silu_bf16, Activation::silu, bf16)->UseRealTime();
BENCHMARK_CAPTURE(gated, silu_f32, Activation::silu, f32)->UseRealTime();
BENCHMARK_CAPTURE(gated, gelu_tanh_bf16, Activation::gelu_tanh, bf16)->UseRealTime();
BENCHMARK_CAPTURE(gated, gelu_tanh_f32, Activation::gelu_tanh, f32)->UseRealTime();
BENCHMARK_CAPTURE(gated, gelu_bf16, Activation::gelu, bf16)->UseRealTime();
BENCHMARK_CAPTURE(gated, gelu_f32, Activation::gelu, f32)->UseRealTime();
BENCHMARK_CAPTURE(gated_backward, silu_bf16, Activation::silu, bf16)->UseRealTime();
BENCHMARK_CAPTURE(gated_backward, silu_f32, Activation::silu, f32)->UseRealTime();
BENCHMARK_CAPTURE(gated_backward, gelu_tanh_bf16, Activation::gelu_tanh, bf16)->UseRealTime();
BENCHMARK_CAPTURE(gated_backward, gelu_tanh_f32, Activation::gelu_tanh, f32)->UseRealTime();
BENCHMARK_CAPTURE(gated_backward, gelu_bf16, Activation::gelu, bf16)->UseRealTime();
BENCHMARK_CAPTURE(gated_backward, gelu_f32, Activation::gelu, f32)->UseRealTime();
BENCHMARK_CAPTURE(ungated, gelu_tanh_bf16, Activation::gelu_tanh, bf16)->UseRealTime();
BENCHMARK_CAPTURE(ungated, gelu_bf16, Activation::gelu, bf16)->UseRealTime();
BENCHMARK_CAPTURE(ungated_backward, gelu_tanh_bf16, Activation::gelu_tanh, bf16)->UseRealTime();
BENCHMARK_CAPTURE(ungated_backward, gelu_bf16, Activation::gelu, bf16)->UseRealTime();
BENCHMARK_CAPTURE(softmax_block, bf16, bf16)->UseRealTime();
BENCHMARK_CAPTURE(softmax_block, f32, f32)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 4bit_group32_bf16, Stored{4, 32}, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 4bit_group64_bf16, Stored{4, 64}, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 8bit_group64_bf16, Stored{8, 64}, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 6bit_group64_bf16, Stored{6, 64}, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 3bit_group64_bf16, Stored{3, 64}, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 4bit_group32_f32, Stored{4, 32}, f32)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, 8bit_group64_f32, Stored{8, 64}, f32)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, mxfp4_bf16, Stored::in(QuantizationMode::mxfp4), bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, mxfp4_f32, Stored::in(QuantizationMode::mxfp4), f32)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, mxfp8_bf16, Stored::in(QuantizationMode::mxfp8), bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, mxfp8_f32, Stored::in(QuantizationMode::mxfp8), f32)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, nvfp4_bf16, Stored::in(QuantizationMode::nvfp4), bf16)->UseRealTime();
BENCHMARK_CAPTURE(dequantize, nvfp4_f32, Stored::in(QuantizationMode::nvfp4), f32)->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, 4bit_group32, Stored{4, 32})->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, 4bit_group64, Stored{4, 64})->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, 8bit_group64, Stored{8, 64})->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, 6bit_group64, Stored{6, 64})->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, mxfp4, Stored::in(QuantizationMode::mxfp4))->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, mxfp8, Stored::in(QuantizationMode::mxfp8))->UseRealTime();
BENCHMARK_CAPTURE(dequantize_panel, nvfp4, Stored::in(QuantizationMode::nvfp4))->UseRealTime();
BENCHMARK_CAPTURE(embedding_rows, 4bit_group64, Stored{4, 64})->UseRealTime();
BENCHMARK_CAPTURE(embedding_rows, 6bit_group64, Stored{6, 64})->UseRealTime();
BENCHMARK_CAPTURE(rope_heads, bf16, bf16)->UseRealTime();
BENCHMARK_CAPTURE(rope_heads, f32, f32)->UseRealTime();
BENCHMARK_CAPTURE(dense_vector, 1_bf16, 1, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dense_vector, 4_bf16, 4, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dense_vector, 8_bf16, 8, bf16)->UseRealTime();
BENCHMARK_CAPTURE(dense_vector, 1_f32, 1, f32)->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_4bit_group32, 1, Stored{4, 32})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_4bit_group64, 1, Stored{4, 64})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 4_4bit_group64, 4, Stored{4, 64})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 8_4bit_group64, 8, Stored{4, 64})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_8bit_group64, 1, Stored{8, 64})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 8_8bit_group64, 8, Stored{8, 64})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_6bit_group64, 1, Stored{6, 64})->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_mxfp4, 1, Stored::in(QuantizationMode::mxfp4))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 4_mxfp4, 4, Stored::in(QuantizationMode::mxfp4))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 8_mxfp4, 8, Stored::in(QuantizationMode::mxfp4))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_mxfp8, 1, Stored::in(QuantizationMode::mxfp8))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 4_mxfp8, 4, Stored::in(QuantizationMode::mxfp8))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 8_mxfp8, 8, Stored::in(QuantizationMode::mxfp8))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 1_nvfp4, 1, Stored::in(QuantizationMode::nvfp4))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 4_nvfp4, 4, Stored::in(QuantizationMode::nvfp4))->UseRealTime();
BENCHMARK_CAPTURE(quantized_vector, 8_nvfp4, 8, Stored::in(QuantizationMode::nvfp4))->UseRealTime();
BENCHMARK(adam)->Arg(1 << 20)->UseRealTime();

}  // namespace
