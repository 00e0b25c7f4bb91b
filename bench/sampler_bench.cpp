// Times the choice of the next token from the logits of a vocabulary (V 49152, and 128256 as Llama
// 3's), after a few were found to be ones that the options allow. The logits are copied each time,
// as the sampler may change them.
//   build/bench/sampler_bench

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "graft/generation/sampler.h"

namespace {

using graft::generation::Sampler;
using graft::generation::SamplerOptions;

// Normally distributed, as a model's roughly are.
std::vector<float> random_logits(int64_t vocabulary) {
  std::mt19937 engine(1);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(static_cast<size_t>(vocabulary));
  std::generate(logits.begin(), logits.end(), [&] { return normal(engine); });
  return logits;
}

// How many of the likeliest tokens the options let through.
size_t allowed_tokens(std::vector<float> logits, const SamplerOptions& options) {
  if (options.temperature <= 0) return options.repetition_penalty == 1 ? 1 : 2;
  std::sort(logits.begin(), logits.end(), std::greater<>());
  size_t count = logits.size();
  if (options.top_k > 0) count = static_cast<size_t>(options.top_k);
  std::vector<double> shares;  // of the likeliest's probability
  for (float logit : logits) shares.push_back(std::exp(double{logit} - logits[0]));
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  double before = 0;
  for (size_t i = 0; i < count; ++i) {
    if (before >= options.top_p * total || shares[i] < options.min_p) return i;
    before += shares[i];
  }
  return count;
}

void pick(benchmark::State& state, const SamplerOptions& options) {
  const std::vector<float> logits = random_logits(state.range(0));
  std::vector<float> copy(logits);
  const std::vector<int32_t> history(100, 17);
  const size_t allowed = allowed_tokens(logits, options);
  Sampler sampler(options);
  auto run = [&] {
    std::copy(logits.begin(), logits.end(), copy.begin());
    return sampler.pick(copy, history);
  };
  for (int i = 0; i < 5; ++i) {
    const float picked = logits[static_cast<size_t>(run())];
    const auto likelier =
        std::count_if(logits.begin(), logits.end(), [&](float other) { return other > picked; });
    if (static_cast<size_t>(likelier) >= allowed) {
      state.SkipWithError("a token was picked that the options leave out");
      return;
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(run());
}

void vocabularies(benchmark::internal::Benchmark* b) {
  b->ArgName("V")->Unit(benchmark::kMicrosecond)->Arg(49152)->Arg(128256);
}

BENCHMARK_CAPTURE(pick, greedy, {})->Apply(vocabularies);
BENCHMARK_CAPTURE(pick, penalty, {.repetition_penalty = 1.1f})->Apply(vocabularies);
BENCHMARK_CAPTURE(pick, temperature, {.temperature = 0.8f})->Apply(vocabularies);
BENCHMARK_CAPTURE(pick, top_k_40, {.temperature = 0.8f, .top_k = 40})->Apply(vocabularies);
BENCHMARK_CAPTURE(pick, top_p_90, {.temperature = 0.8f, .top_p = 0.9f})->Apply(vocabularies);
BENCHMARK_CAPTURE(pick, min_p_05, {.temperature = 0.8f, .min_p = 0.05f})->Apply(vocabularies);

}  // namespace
