#include "bench/peaks.h"

#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "graft/base/thread_pool.h"
#include "graft/base/threads.h"
#include "graft/kernels/isa.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peaks.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/dispatch.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace graft::bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;

// Sums that do not wait for each other: two multiply-adds a cycle that take four or five cycles
// each keep ten going, and twelve leave room for both operands in sixteen registers.
constexpr int kSums = 12;

// kSums multiply-adds a step. Returns their sum, so that they are computed.
float multiply_adds(int64_t steps, float factor, float term) {
  const FloatTag d;
  const auto a = hn::Set(d, factor), b = hn::Set(d, term);
  hn::Vec<FloatTag> sum[kSums];
  // Different numbers, or the compiler would compute one sum for all.
  for (int i = 0; i < kSums; ++i) sum[i] = hn::Set(d, term * static_cast<float>(i));
  for (int64_t step = 0; step < steps; ++step) {
    HWY_UNROLL(kSums)
    for (int i = 0; i < kSums; ++i) sum[i] = hn::MulAdd(sum[i], a, b);
  }
  for (int i = 1; i < kSums; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  return hn::GetLane(hn::SumOfLanes(d, sum[0]));
}

int64_t lanes() { return static_cast<int64_t>(hn::Lanes(FloatTag())); }

// The sum of numbers aligned to 64 bytes, whose count is a multiple of 64.
float sum_of(const float* data, int64_t count) {
  const FloatTag d;
  hn::Vec<FloatTag> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  const int64_t step = lanes();
  for (int64_t at = 0; at < count; at += 4 * step) {
    HWY_UNROLL(4)
    for (int i = 0; i < 4; ++i) sum[i] = hn::Add(sum[i], hn::Load(d, data + at + i * step));
  }
  for (int i = 1; i < 4; ++i) sum[0] = hn::Add(sum[0], sum[i]);
  return hn::GetLane(hn::SumOfLanes(d, sum[0]));
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if HWY_ARCH_X86_64
#include <immintrin.h>
#endif

namespace graft::bench {

HWY_EXPORT(multiply_adds);
HWY_EXPORT(lanes);
HWY_EXPORT(sum_of);

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// GFLOPS of all threads, when each calls `work(kSteps)`, of so many operations a step, over and
// over. By the median of a call's time, a fraction of a millisecond: programs that take a processor
// away now and then do not show in it.
template <class Work>
double measure_gflops(double operations, Work&& work) {
  constexpr int64_t kSteps = 100'000, kCalls = 300;
  std::vector<double> seconds(static_cast<size_t>(kCalls * num_threads()));
  run_parts(kCalls * num_threads(), [&](int64_t part, int) {
    const auto start = Clock::now();
    benchmark::DoNotOptimize(work(kSteps));
    seconds[static_cast<size_t>(part)] = seconds_since(start);
  });
  const auto median = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), median, seconds.end());
  return operations * static_cast<double>(kSteps) * num_threads() / *median / 1e9;
}

double measure_f32() {
  const auto work = GRAFT_DISPATCH(multiply_adds);
  const auto vector = static_cast<double>(GRAFT_DISPATCH(lanes)());
  // The sums tend to 2.
  return measure_gflops(2 * HWY_NAMESPACE::kSums * vector,
                        [&](int64_t steps) { return work(steps, 0.5f, 1.0f); });
}

#if HWY_ARCH_X86_64
constexpr int kDotSums = 16;  // of 32 registers

__attribute__((target("avx512f,avx512bf16"))) float dot_products(int64_t steps) {
  const __m512 ones = _mm512_set1_ps(1.0f);  // pairs (0, 1) of bf16
  const auto pairs = reinterpret_cast<__m512bh>(ones);
  __m512 sum[kDotSums];
  for (int i = 0; i < kDotSums; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  for (int64_t step = 0; step < steps; ++step) {
    HWY_UNROLL(kDotSums)
    for (int i = 0; i < kDotSums; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], pairs, pairs);
  }
  for (int i = 1; i < kDotSums; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  return _mm512_reduce_add_ps(sum[0]);
}

double measure_bf16() {
  if (!kernels::isa_has_avx512_bf16()) return 0;
  return measure_gflops(4.0 * 16 * kDotSums, dot_products);
}
#else
double measure_bf16() { return 0; }
#endif

// Four times the last level's cache, which may be one of many, and all of a virtual machine's host.
int64_t read_buffer_bytes() {
  constexpr int64_t kLeast = int64_t{128} << 20, kMost = int64_t{1} << 30;
#ifdef _SC_LEVEL3_CACHE_SIZE
  const int64_t cache = std::max<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE), 0);
#else
  const int64_t cache = 0;
#endif
  return std::clamp(4 * cache, kLeast, kMost);
}

// Asks for large pages, which are ready much sooner.
void use_large_pages([[maybe_unused]] std::byte* data, [[maybe_unused]] int64_t bytes) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t kPage = 4096;
  const uintptr_t begin = (reinterpret_cast<uintptr_t>(data) + kPage - 1) / kPage * kPage;
  const uintptr_t end = reinterpret_cast<uintptr_t>(data) + static_cast<uintptr_t>(bytes);
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // only a hint
#endif
}

double measure_read() {
  constexpr int64_t kPartBytes = 1 << 20;
  const int64_t parts = read_buffer_bytes() / kPartBytes / num_threads();
  const int64_t bytes = parts * num_threads() * kPartBytes;
  const auto buffer = kernels::allocate_aligned(static_cast<size_t>(bytes));
  std::byte* data = buffer.get();
  use_large_pages(data, bytes);
  const auto work = GRAFT_DISPATCH(sum_of);
  run_parts(parts * num_threads(),
            [&](int64_t part, int) { std::memset(data + part * kPartBytes, 0, kPartBytes); });
  double least = 1e9;
  for (int i = 0; i < 10; ++i) {
    const auto start = Clock::now();
    run_parts(parts * num_threads(), [&](int64_t part, int) {
      benchmark::DoNotOptimize(
          work(reinterpret_cast<const float*>(data + part * kPartBytes), kPartBytes / 4));
    });
    least = std::min(least, seconds_since(start));
  }
  return static_cast<double>(bytes) / least / 1e9;
}

}  // namespace

const Peaks& peaks() {
  static const Peaks measured = {measure_f32(), measure_bf16(), measure_read()};
  return measured;
}

double product_peak(kernels::ScalarType type) {
  const bool bf16 = kernels::product_type(type) == kernels::ScalarType::bf16;
  return bf16 ? peaks().bf16_gflops : peaks().f32_gflops;
}

}  // namespace graft::bench
#endif
