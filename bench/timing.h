#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>

namespace graft::bench {

/// Times `run`, of so many operations, and reports GFLOPS and their share of `peak` GFLOPS.
/// Reports an error instead if the result was not `verified`.
void time_products(benchmark::State& state, bool verified, double operations, double peak,
                   const std::function<void()>& run);

/// Times `run`, which must read and write so many bytes at least once, and reports GB/s and their
/// share of the bandwidth of reading memory; above 1 where a cache holds them.
void time_bytes(benchmark::State& state, bool verified, int64_t bytes,
                const std::function<void()>& run);

}  // namespace graft::bench
