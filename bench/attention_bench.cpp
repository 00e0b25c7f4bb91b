// Times attention and the LoRA kernels, each after its result was compared with its scalar twin.
// GFLOPS counts the products of the scores that are seen, forward 4 and backward 10 operations a
// score and head dimension; a processor's peak is two operations times lanes times FMAs a cycle.
// Sizes are those of a 135M-parameter model (9 heads on 3 key heads of 64, D 576).
//   GRAFT_CPU_ISA=avx2 build-dev/bench/attention_bench --benchmark_repetitions=5

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "graft/kernels/attention.h"
#include "graft/kernels/lora.h"
#include "graft/kernels/rope.h"
#include "graft/kernels/scalar/attention.h"
#include "graft/kernels/scalar/lora.h"
#include "graft/kernels/scalar/rope.h"

namespace {

using namespace graft::kernels;

constexpr ScalarType f32 = ScalarType::f32, bf16 = ScalarType::bf16;

// Numbers of a storage type, uniform in [-1, 1).
class Array {
 public:
  Array(ScalarType type, int64_t count)
      : type_(type), count_(count), bytes_(static_cast<size_t>(count) * size_of(type)) {
    std::mt19937 engine(static_cast<unsigned>(count));
    for (int64_t i = 0; i < count; ++i) {
      store_scalar(type, data(), i, static_cast<float>(engine()) * 0x1p-31f - 1.0f);
    }
  }
  void* data() { return bytes_.data(); }
  float* floats() { return reinterpret_cast<float*>(bytes_.data()); }

  // Whether the first `count` numbers agree, to the storage type's precision of the largest one.
  bool agrees(const Array& other, int64_t count) const {
    const double tolerance = type_ == f32 ? 1e-4 : 2e-2;
    double largest = 0, difference = 0;
    for (int64_t i = 0; i < std::min(count, count_); ++i) {
      const double x = load_scalar(type_, bytes_.data(), i);
      const double y = load_scalar(type_, other.bytes_.data(), i);
      if (std::isnan(x)) return false;
      largest = std::max(largest, std::abs(y));
      difference = std::max(difference, std::abs(x - y));
    }
    return difference <= tolerance * largest;
  }
  bool agrees(const Array& other) const { return agrees(other, count_); }

 private:
  ScalarType type_;
  int64_t count_;
  std::vector<char> bytes_;
};

void time(benchmark::State& state, bool verified, double operations,
          const std::function<void()>& run) {
  if (!verified) {
    state.SkipWithError("the result differs from the scalar twin's");
    return;
  }
  for (auto _ : state) run();
  state.counters["GFLOPS"] =
      benchmark::Counter(operations / 1e9, benchmark::Counter::kIsIterationInvariantRate);
}

// `count` sequences of `length` queries after `past` keys, and room for all results.
struct Batch {
  Batch(int64_t count, int64_t length, int64_t past, ScalarType type)
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
    for (int64_t i = 0; i < count; ++i) {
      sequences.push_back(
          {i * length, (i + 1) * length, i * (length + past), (i + 1) * (length + past)});
      for (int64_t j = 0; j < length; ++j) scores += static_cast<double>(9 * (past + j + 1));
    }
  }

  void forward() {
    attention(shape, sequences, q.data(), k.data(), v.data(), out.data(), lse.floats());
  }
  void backward() {
    attention_backward(shape, sequences, q.data(), k.data(), v.data(), out.data(), lse.floats(),
                       d_out.data(), d_q.data(), d_k.data(), d_v.data());
  }

  // Of the first sequence; the scalar code would take minutes for long ones.
  bool verified(bool with_backward) {
    const AttentionShape one{
        9, 3, 64, 0.125f, shape.type, sequences[0].query_end, sequences[0].key_end};
    const auto first = std::span(sequences).first(1);
    forward();
    Array out2(out), lse2(lse), d_q2(d_q), d_k2(d_k), d_v2(d_v);
    attention_scalar(one, first, q.data(), k.data(), v.data(), out2.data(), lse2.floats());
    if (!out.agrees(out2, one.query_rows * 576) || !lse.agrees(lse2, one.query_rows * 9)) {
      return false;
    }
    if (!with_backward) return true;
    backward();
    attention_backward_scalar(one, first, q.data(), k.data(), v.data(), d_out.data(), d_q2.data(),
                              d_k2.data(), d_v2.data());
    return d_q.agrees(d_q2, one.query_rows * 576) && d_k.agrees(d_k2, one.key_rows * 192) &&
           d_v.agrees(d_v2, one.key_rows * 192);
  }

  AttentionShape shape;
  std::vector<graft::Sequence> sequences;
  double scores = 0;
  Array q, k, v, out, d_out, d_q, d_k, d_v, lse;
};

void attention_forward(benchmark::State& state, ScalarType type) {
  Batch batch(state.range(0), state.range(1), state.range(2), type);
  time(state, batch.verified(false), 4 * 64 * batch.scores, [&] { batch.forward(); });
}

void attention_back(benchmark::State& state, ScalarType type) {
  Batch batch(state.range(0), state.range(1), state.range(2), type);
  time(state, batch.verified(true), 10 * 64 * batch.scores, [&] { batch.backward(); });
}

void rope_heads(benchmark::State& state, ScalarType type) {
  const RopeShape shape{360, 9, 64, 64, type};
  Array x(type, 360 * 576), cos(f32, 360 * 32), sin(f32, 360 * 32), out(x), out2(x);
  auto run = [&] { rope(shape, x.data(), cos.floats(), sin.floats(), false, out.data()); };
  run();
  rope_scalar(shape, x.data(), cos.floats(), sin.floats(), false, out2.data());
  time(state, out.agrees(out2), 3 * 360 * 576, run);
}

// A projection of 360 tokens with its adapter.
struct Lora {
  Lora(int64_t outputs, int64_t rank, ScalarType type)
      : shape{360, 576, outputs, rank, type},
        x(type, 360 * 576),
        y(type, 360 * outputs),
        d_y(type, 360 * outputs),
        a(f32, 576 * rank),
        b(f32, rank * outputs),
        xa(f32, 360 * rank),
        d_a(a),
        d_b(b),
        d_xa(f32, 360 * rank) {}

  double operations() const {
    return 2.0 * static_cast<double>(shape.rows * shape.rank);  // times a width
  }

  LoraShape shape;
  Array x, y, d_y, a, b, xa, d_a, d_b, d_xa;
};

void lora_down_rows(benchmark::State& state, ScalarType type) {
  Lora t(state.range(0), state.range(1), type);
  Array expected(t.xa);
  auto run = [&] { lora_down(t.shape, t.x.data(), t.a.floats(), t.xa.floats()); };
  run();
  lora_down_scalar(t.shape, t.x.data(), t.a.floats(), expected.floats());
  time(state, t.xa.agrees(expected), t.operations() * 576, run);
}

void lora_up(benchmark::State& state, ScalarType type) {
  Lora t(state.range(0), state.range(1), type);
  Array expected(t.y);
  // A small scale, so that y stays finite over all runs.
  auto run = [&] { lora_up_add(t.shape, t.xa.floats(), t.b.floats(), 1e-6f, t.y.data()); };
  run();
  lora_up_add_scalar(t.shape, t.xa.floats(), t.b.floats(), 1e-6f, expected.data());
  time(state, t.y.agrees(expected), t.operations() * static_cast<double>(t.shape.out), run);
}

void lora_back(benchmark::State& state, ScalarType type) {
  Lora t(state.range(0), state.range(1), type), u(t);
  auto run = [&] {
    lora_backward(t.shape, t.x.data(), t.xa.floats(), t.b.floats(), 1e-3f, t.d_y.data(),
                  t.d_a.floats(), t.d_b.floats(), t.d_xa.floats());
  };
  run();
  lora_backward_scalar(u.shape, u.x.data(), u.xa.floats(), u.b.floats(), 1e-3f, u.d_y.data(),
                       u.d_a.floats(), u.d_b.floats(), u.d_xa.floats());
  time(state, t.d_a.agrees(u.d_a) && t.d_b.agrees(u.d_b) && t.d_xa.agrees(u.d_xa),
       2 * t.operations() * static_cast<double>(576 + t.shape.out), run);
}

void lengths(benchmark::internal::Benchmark* b) {
  b->ArgNames({"sequences", "length", "past"})->UseRealTime()->Unit(benchmark::kMillisecond);
  b->Args({4, 90, 0})->Args({4, 512, 0})->Args({1, 2048, 0});
}

void decode(benchmark::internal::Benchmark* b) {
  b->ArgNames({"sequences", "length", "past"})->UseRealTime()->Unit(benchmark::kMillisecond);
  b->Args({1, 1, 256})->Args({1, 1, 4096});
}

void adapters(benchmark::internal::Benchmark* b) {
  b->ArgNames({"out", "rank"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  b->Args({576, 8})->Args({192, 8})->Args({576, 32});
}

BENCHMARK_CAPTURE(attention_forward, bf16, bf16)->Apply(lengths);
BENCHMARK_CAPTURE(attention_back, bf16, bf16)->Apply(lengths);
BENCHMARK_CAPTURE(attention_forward, f32, f32)->Apply(lengths);
BENCHMARK_CAPTURE(attention_back, f32, f32)->Apply(lengths);
BENCHMARK_CAPTURE(attention_forward, decode_bf16, bf16)->Apply(decode);
BENCHMARK_CAPTURE(attention_forward, decode_f32, f32)->Apply(decode);
BENCHMARK_CAPTURE(rope_heads, bf16, bf16)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(lora_down_rows, bf16, bf16)->Apply(adapters);
BENCHMARK_CAPTURE(lora_up, bf16, bf16)->Apply(adapters);
BENCHMARK_CAPTURE(lora_back, bf16, bf16)->Apply(adapters);
BENCHMARK_CAPTURE(lora_down_rows, f32, f32)->Apply(adapters);
BENCHMARK_CAPTURE(lora_up, f32, f32)->Apply(adapters);
BENCHMARK_CAPTURE(lora_back, f32, f32)->Apply(adapters);

}  // namespace

BENCHMARK_MAIN();
