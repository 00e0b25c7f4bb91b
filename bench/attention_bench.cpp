// Times attention after its result was compared with its scalar twin's. GFLOPS count the products
// of the scores that are seen, forward 4 and backward 10 operations a score and head dimension;
// of_peak is their share of what the processor's vectors can do in the type of the products (tiles
// of AMX can do more). Heads are those of SmolLM2-135M (9 on 3 key heads of 64). A window or
// soft_cap of 0 is none.
//   GRAFT_CPU_ISA=avx2 build/bench/attention_bench --benchmark_repetitions=5

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "bench/array.h"
#include "bench/peaks.h"
#include "bench/timing.h"
#include "graft/kernels/attention.h"
#include "graft/kernels/scalar/attention.h"

namespace {

using namespace graft::bench;
using namespace graft::kernels;
using graft::Sequence;

constexpr ScalarType f32 = ScalarType::f32, bf16 = ScalarType::bf16;

// `count` sequences of `length` queries after `past` keys, and room for all results.
struct Batch {
  Batch(int64_t count, int64_t length, int64_t past, int64_t window, float soft_cap,
        ScalarType type)
      : shape{9, 3, 64, 0.125f, type, count * length, count * (length + past)},
        q(type, shape.query_rows * 576),
        k(type, shape.key_rows * 192),
        v(type, shape.key_rows * 192),
        out(type, shape.query_rows * 576),
        d_out(type, shape.query_rows * 576),
        d_q(type, shape.query_rows * 576),
        d_k(type, shape.key_rows * 192),
        d_v(type, shape.key_rows * 192),
        lse(f32, shape.query_rows * 9) {
    shape.window = window;
    shape.soft_cap = soft_cap;
    for (int64_t i = 0; i < count; ++i) {
      sequences.push_back(
          {i * length, (i + 1) * length, i * (length + past), (i + 1) * (length + past)});
      for (int64_t j = past + 1; j <= past + length; ++j) {
        scores += static_cast<double>(9 * (window == 0 ? j : std::min(j, window)));
      }
    }
  }

  void forward() {
    attention(shape, sequences, q.data(), k.data(), v.data(), out.data(), lse.floats());
  }
  void backward() {
    attention_backward(shape, sequences, q.data(), k.data(), v.data(), out.data(), lse.floats(),
                       d_out.data(), d_q.data(), d_k.data(), d_v.data());
  }

  // Of the first sequence, the last queries, and the keys that only they see: the scalar code would
  // take minutes for all of them.
  bool verified(bool with_backward) {
    constexpr int64_t kChecked = 16;
    Sequence last = sequences[0];
    last.query_begin = std::max(last.query_begin, last.query_end - kChecked);
    const int64_t first_key = std::max(last.key_begin, last.key_end - kChecked);
    const int64_t q_begin = last.query_begin * 576, q_end = last.query_end * 576;
    const int64_t k_begin = first_key * 192, k_end = last.key_end * 192;
    forward();
    Array out2(out), lse2(lse), d_q2(d_q), d_k2(d_k), d_v2(d_v);
    attention_scalar(shape, {&last, 1}, q.data(), k.data(), v.data(), out2.data(), lse2.floats());
    if (!out.agrees(out2, q_begin, q_end)) return false;
    if (!lse.agrees(lse2, last.query_begin * 9, last.query_end * 9)) return false;
    if (!with_backward) return true;
    backward();
    attention_backward_scalar(shape, {&last, 1}, q.data(), k.data(), v.data(), d_out.data(),
                              d_q2.data(), d_k2.data(), d_v2.data());
    return d_q.agrees(d_q2, q_begin, q_end) && d_k.agrees(d_k2, k_begin, k_end) &&
           d_v.agrees(d_v2, k_begin, k_end);
  }

  AttentionShape shape;
  std::vector<Sequence> sequences;
  double scores = 0;
  Array q, k, v, out, d_out, d_q, d_k, d_v, lse;
};

Batch batch_of(const benchmark::State& state, ScalarType type) {
  const auto soft_cap = static_cast<float>(state.range(4));
  return {state.range(0), state.range(1), state.range(2), state.range(3), soft_cap, type};
}

void attention_forward(benchmark::State& state, ScalarType type) {
  Batch batch = batch_of(state, type);
  time_products(state, batch.verified(false), 4 * 64 * batch.scores, product_peak(type),
                [&] { batch.forward(); });
}

void attention_back(benchmark::State& state, ScalarType type) {
  Batch batch = batch_of(state, type);
  time_products(state, batch.verified(true), 10 * 64 * batch.scores, product_peak(type),
                [&] { batch.backward(); });
}

void batches(benchmark::internal::Benchmark* b) {
  b->ArgNames({"sequences", "length", "past", "window", "soft_cap"});
  b->UseRealTime()->Unit(benchmark::kMillisecond);
}

void lengths(benchmark::internal::Benchmark* b) {
  batches(b);
  b->Args({4, 90, 0, 0, 0})->Args({4, 512, 0, 0, 0})->Args({1, 2048, 0, 0, 0});
  b->Args({1, 2048, 0, 256, 0})->Args({1, 2048, 0, 0, 50})->Args({1, 2048, 0, 256, 50});
}

void decode(benchmark::internal::Benchmark* b) {
  batches(b);
  b->Args({1, 1, 256, 0, 0})->Args({1, 1, 4096, 0, 0})->Args({1, 1, 4096, 1024, 0});
}

BENCHMARK_CAPTURE(attention_forward, bf16, bf16)->Apply(lengths);
BENCHMARK_CAPTURE(attention_back, bf16, bf16)->Apply(lengths);
BENCHMARK_CAPTURE(attention_forward, f32, f32)->Apply(lengths);
BENCHMARK_CAPTURE(attention_back, f32, f32)->Apply(lengths);
BENCHMARK_CAPTURE(attention_forward, decode_bf16, bf16)->Apply(decode);
BENCHMARK_CAPTURE(attention_forward, decode_f32, f32)->Apply(decode);

}  // namespace
