#include "bench/timing.h"

#include <chrono>

#include "bench/peaks.h"

namespace graft::bench {
namespace {

// A plain number, so that it is not printed as something per second: 1e9 of `amount` a second.
double giga_per_second(benchmark::State& state, double amount, const std::function<void()>& run) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (auto _ : state) run();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return amount * static_cast<double>(state.iterations()) / seconds / 1e9;
}

bool refuse(benchmark::State& state, bool verified) {
  if (!verified) state.SkipWithError("the result differs from the scalar twin's");
  return !verified;
}

}  // namespace

void time_products(benchmark::State& state, bool verified, double operations, double peak,
                   const std::function<void()>& run) {
  if (refuse(state, verified)) return;
  const double rate = giga_per_second(state, operations, run);
  state.counters["GFLOPS"] = rate;
  state.counters["of_peak"] = rate / peak;
}

void time_bytes(benchmark::State& state, bool verified, int64_t bytes,
                const std::function<void()>& run) {
  if (refuse(state, verified)) return;
  const double rate = giga_per_second(state, static_cast<double>(bytes), run);
  state.counters["GB/s"] = rate;
  state.counters["of_peak"] = rate / peaks().read_gb_per_s;
}

}  // namespace graft::bench
