// Times the steps of optimizers over 100 million parameters, each after its result was compared
// with its scalar twin's. GB/s count what must be read and written at least once: 28 bytes a
// parameter for AdamW. memcpy and triad move AdamW's bytes in the same run, and are what it is to
// be compared with: a step that writes elsewhere is what training does, as the old state is kept
// until the new one is known to be finite. Other programs disturb single runs: take the best.
//   build/bench/optimizers_bench --benchmark_repetitions=9 --benchmark_enable_random_interleaving

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "bench/array.h"
#include "bench/timing.h"
#include "graft/kernels/adam8.h"
#include "graft/kernels/lion.h"
#include "graft/kernels/muon.h"
#include "graft/kernels/parallel.h"
#include "graft/kernels/scalar/adafactor.h"
#include "graft/kernels/scalar/adam.h"
#include "graft/kernels/scalar/adam8.h"
#include "graft/kernels/scalar/lion.h"
#include "graft/kernels/scalar/muon.h"
#include "graft/kernels/scalar/sgd.h"
#include "graft/kernels/sgd.h"

namespace {

using namespace graft::bench;
using namespace graft::kernels;

constexpr ScalarType f32 = ScalarType::f32;
constexpr int64_t kCount = 100'000'000, kVerified = 1000;
constexpr int64_t kAdamBytes = 7 * 4 * kCount;

// Squares are not negative.
Array averages_of_squares() {
  Array v(f32, kCount);
  parallel_ranges(kCount, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) v.floats()[i] = std::abs(v.floats()[i]);
  });
  return v;
}

void memcpy_of_adamw_bytes(benchmark::State& state) {
  Array in(f32, kAdamBytes / 8), out(f32, kAdamBytes / 8);
  time_bytes(state, true, kAdamBytes, [&] {
    parallel_ranges(in.bytes(), 1 << 16, [&](int64_t begin, int64_t end) {
      std::memcpy(static_cast<char*>(out.data()) + begin, static_cast<char*>(in.data()) + begin,
                  static_cast<size_t>(end - begin));
    });
  });
}

void triad_of_adamw_bytes(benchmark::State& state) {
  constexpr int64_t count = kAdamBytes / 12;
  Array a(f32, count), b(f32, count), c(f32, count);
  time_bytes(state, true, kAdamBytes, [&] {
    parallel_ranges(count, 1 << 14, [&](int64_t begin, int64_t end) {
      float* to = a.floats();
      const float *x = b.floats(), *y = c.floats();
      for (int64_t i = begin; i < end; ++i) to[i] = x[i] + 3.0f * y[i];
    });
    benchmark::ClobberMemory();
  });
}

void adamw(benchmark::State& state, bool in_place) {
  const AdamOptions options{.learning_rate = 1e-5f, .weight_decay = 0.01f};
  const Array v0 = averages_of_squares();
  Array g(f32, kCount), p(f32, kCount), m(f32, kCount), v(v0);
  const int64_t elsewhere = in_place ? 0 : kCount;
  Array p1(f32, elsewhere), m1(f32, elsewhere), v1(f32, elsewhere);
  Array &p_out = in_place ? p : p1, &m_out = in_place ? m : m1, &v_out = in_place ? v : v1;
  Array p2(f32, kVerified), m2(f32, kVerified), v2(f32, kVerified);
  adam_update_scalar(options, kVerified, g.floats(), p.floats(), m.floats(), v.floats(),
                     p2.floats(), m2.floats(), v2.floats());
  auto run = [&] {
    adam_update(options, kCount, g.floats(), p.floats(), m.floats(), v.floats(), p_out.floats(),
                m_out.floats(), v_out.floats());
  };
  run();
  time_bytes(
      state,
      p_out.agrees(p2, kVerified) && m_out.agrees(m2, kVerified) && v_out.agrees(v2, kVerified),
      kAdamBytes, run);
}

void adamw8(benchmark::State& state) {
  const AdamOptions options{.learning_rate = 1e-5f, .weight_decay = 0.01f};
  constexpr int64_t kBlocks = (kCount + DynamicMap::kBlock - 1) / DynamicMap::kBlock;
  Array g(f32, kCount), p(f32, kCount), p2(f32, kVerified);
  std::vector<uint8_t> m(kCount, 200), v(kCount, 200), codes(kVerified);
  std::vector<float> m_largest(kBlocks, 1.0f), v_largest(kBlocks, 1.0f), largest(kBlocks);
  const CodedInput m_in{m.data(), m_largest.data()}, v_in{v.data(), v_largest.data()};
  const CodedOutput m_out{m.data(), m_largest.data()}, v_out{v.data(), v_largest.data()};
  const CodedOutput ignored{codes.data(), largest.data()};
  adam8_update_scalar(options, kVerified, g.floats(), p.floats(), m_in, v_in, p2.floats(), ignored,
                      ignored);
  auto run = [&] {
    adam8_update(options, kCount, g.floats(), p.floats(), m_in, v_in, p.floats(), m_out, v_out);
  };
  run();
  time_bytes(state, p.agrees(p2, kVerified), (3 * 4 + 4) * kCount, run);
}

void sgd_momentum(benchmark::State& state) {
  const SgdOptions options{.learning_rate = 1e-5f, .momentum = 0.9f};
  Array g(f32, kCount), p(f32, kCount), v(f32, kCount), p2(f32, kVerified), v2(f32, kVerified);
  sgd_update_scalar(options, kVerified, g.floats(), p.floats(), v.floats(), p2.floats(),
                    v2.floats());
  auto run = [&] {
    sgd_update(options, kCount, g.floats(), p.floats(), v.floats(), p.floats(), v.floats());
  };
  run();
  time_bytes(state, p.agrees(p2, kVerified) && v.agrees(v2, kVerified), 5 * 4 * kCount, run);
}

void lion(benchmark::State& state) {
  const LionOptions options{.learning_rate = 1e-5f, .weight_decay = 0.1f};
  Array g(f32, kCount), p(f32, kCount), m(f32, kCount), p2(f32, kVerified), m2(f32, kVerified);
  lion_update_scalar(options, kVerified, g.floats(), p.floats(), m.floats(), p2.floats(),
                     m2.floats());
  auto run = [&] {
    lion_update(options, kCount, g.floats(), p.floats(), m.floats(), p.floats(), m.floats());
  };
  run();
  time_bytes(state, p.agrees(p2, kVerified) && m.agrees(m2, kVerified), 5 * 4 * kCount, run);
}

void adafactor(benchmark::State& state) {
  constexpr int64_t kSide = 10000;
  static_assert(kSide * kSide == kCount);
  const AdafactorOptions options{.rate = 1e-5f, .keep = 0.5f};
  Array g(f32, kCount), p(f32, kCount);
  std::vector<float> row(kSide, 1.0f), col(kSide, 1.0f);
  // A small one is compared: sums are over whole rows and columns.
  constexpr int64_t kRows = 100, kColumns = 1000;
  Array small(f32, kRows * kColumns), fast(f32, kRows * kColumns), slow(f32, kRows * kColumns);
  const AdafactorArrays<const float> in{small.floats(), row.data(), col.data(), nullptr};
  std::vector<float> rows(kRows), cols(kColumns);
  adafactor_update(options, 1, kRows, kColumns, g.floats(), in,
                   {fast.floats(), rows.data(), cols.data(), nullptr});
  adafactor_update_scalar(options, 1, kRows, kColumns, g.floats(), in,
                          {slow.floats(), rows.data(), cols.data(), nullptr});
  auto run = [&] {
    adafactor_update(options, 1, kSide, kSide, g.floats(),
                     {p.floats(), row.data(), col.data(), nullptr},
                     {p.floats(), row.data(), col.data(), nullptr});
  };
  run();
  time_bytes(state, fast.agrees(slow, kRows * kColumns), 6 * 4 * kCount, run);
}

// The factors of LoRA of a large model: 16 million elements in matrices of rank 8.
void muon(benchmark::State& state) {
  constexpr int64_t kRank = 8, kWidth = 4096, kMatrices = 500;
  const MuonOptions options{.step = 1e-5f};
  constexpr int64_t kEach = kRank * kWidth;
  Array g(f32, kEach), p(f32, kEach * kMatrices), v(f32, kEach * kMatrices);
  Array p2(f32, kEach), v2(f32, kEach);
  muon_update_scalar(options, kRank, kWidth, g.floats(), p.floats(), v.floats(), p2.floats(),
                     v2.floats());
  auto run = [&] {
    for (int64_t i = 0; i < kMatrices; ++i) {
      float *parameter = p.floats() + i * kEach, *average = v.floats() + i * kEach;
      muon_update(options, kRank, kWidth, g.floats(), parameter, average, parameter, average);
    }
  };
  run();
  time_bytes(state, p.agrees(p2, kEach) && v.agrees(v2, kEach), 5 * 4 * kEach * kMatrices, run);
}

BENCHMARK(memcpy_of_adamw_bytes)->UseRealTime();
BENCHMARK(triad_of_adamw_bytes)->UseRealTime();
BENCHMARK_CAPTURE(adamw, in_place, true)->UseRealTime();
BENCHMARK_CAPTURE(adamw, elsewhere, false)->UseRealTime();
BENCHMARK(adamw8)->UseRealTime();
BENCHMARK(sgd_momentum)->UseRealTime();
BENCHMARK(lion)->UseRealTime();
BENCHMARK(adafactor)->UseRealTime();
BENCHMARK(muon)->UseRealTime();

}  // namespace
