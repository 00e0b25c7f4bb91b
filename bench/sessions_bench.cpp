// Times generation of one session on one thread, and of two side by side on a thread each; and, on
// all threads, of texts one after the other and in steps that they take together. Each time after
// all were found to give the tokens that each gives alone. The ratios are what a server gains.
// GRAFT_BENCH_MODEL names a model's folder; without it, a tiny one of the tests is taken.
//   GRAFT_BENCH_MODEL=mlx_model build/bench/sessions_bench

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "graft/engine/runtime.h"
#include "graft/generation/session.h"
#include "graft/models/registry.h"

namespace {

namespace engine = graft::engine;
using graft::generation::Session;
using Ids = std::vector<int32_t>;

constexpr int kPrompt = 64, kSteps = 100;

const engine::Runtime& one_thread() {
  static const engine::Runtime runtime({.threads = 1});
  return runtime;
}

const graft::models::Model& model() {
  static const auto loaded = [] {
    const char* named = std::getenv("GRAFT_BENCH_MODEL");
    return graft::models::load_model(graft::io::ModelFolder::open(
        named != nullptr ? named : GRAFT_SOURCE_DIR "/tests/fixtures/llama/tied"));
  }();
  return *loaded;
}

// A prompt that differs by `first`, of words that the tiny model has.
Ids prompt(int32_t first) {
  Ids ids(kPrompt);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = (first + static_cast<int32_t>(i % 7)) % 60;
  return ids;
}

int32_t likeliest(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Its greedy continuation, on the threads in use.
Ids continued_here(int32_t first) {
  Session session(model());
  std::span<float> logits = session.prefill(prompt(first));
  Ids ids;
  for (int i = 0; i < kSteps; ++i) {
    ids.push_back(likeliest(logits));
    logits = session.step(ids.back());
  }
  return ids;
}

Ids continued(int32_t first) {
  const engine::Use use(one_thread());
  return continued_here(first);
}

// The continuations of as many prompts, which are read together, a step of all at a time.
std::vector<Ids> together(int count) {
  std::vector<Session> sessions(static_cast<size_t>(count), Session(model()));
  std::vector<Ids> prompts;
  for (int i = 0; i < count; ++i) prompts.push_back(prompt(3 * i));
  std::vector<Session*> all;
  for (Session& session : sessions) all.push_back(&session);
  Session::prefill(all, std::vector<std::span<const int32_t>>(prompts.begin(), prompts.end()));
  std::vector<Ids> results(sessions.size());
  for (int step = 0; step < kSteps; ++step) {
    Ids next;
    for (Session& session : sessions) next.push_back(likeliest(session.logits()));
    for (size_t i = 0; i < next.size(); ++i) results[i].push_back(next[i]);
    Session::step(all, next);
  }
  return results;
}

std::vector<Ids> side_by_side(int sessions) {
  std::vector<Ids> results(static_cast<size_t>(sessions));
  std::vector<std::thread> threads;
  for (int i = 0; i < sessions; ++i) {
    threads.emplace_back([&results, i] { results[static_cast<size_t>(i)] = continued(3 * i); });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

void sessions(benchmark::State& state) {
  const auto count = static_cast<int>(state.range(0));
  const std::vector<Ids> results = side_by_side(count);
  for (int i = 0; i < count; ++i) {
    if (results[static_cast<size_t>(i)] != continued(3 * i)) {
      state.SkipWithError("a session gives other tokens than alone");
      return;
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(side_by_side(count));
  state.counters["tokens/s"] =
      benchmark::Counter(count * kSteps, benchmark::Counter::kIsIterationInvariantRate);
}

// Of `batch` texts; 1 at a time: one after the other.
void batches(benchmark::State& state) {
  static const engine::Runtime runtime(engine::RuntimeOptions{});
  const engine::Use use(runtime);
  const auto count = static_cast<int>(state.range(0));
  static std::map<int, int> others;  // texts that differ from those alone, by count
  if (others.count(count) == 0) {
    const std::vector<Ids> results = together(count);
    for (int i = 0; i < count; ++i) {
      others[count] += results[static_cast<size_t>(i)] != continued_here(3 * i) ? 1 : 0;
    }
  }
  if (others[count] > 0) {
    state.SetLabel(std::to_string(others[count]) + " texts differ from those alone");
  }
  for (auto _ : state) benchmark::DoNotOptimize(together(count));
  state.counters["tokens/s"] =
      benchmark::Counter(count * kSteps, benchmark::Counter::kIsIterationInvariantRate);
}

BENCHMARK(batches)
    ->ArgName("batch")
    ->Arg(1)
    ->Arg(4)
    ->Arg(8)
    ->Arg(16)
    ->Arg(32)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

BENCHMARK(sessions)
    ->ArgName("sessions")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
