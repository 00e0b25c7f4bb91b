// Times the opening of a model folder: its config, the mapping of its tensors, the model over
// them, and the tokenizer, as every command of graft begins. The files are in the system's cache.
// GRAFT_BENCH_MODEL names the folder; without it, a tiny one of the tests shows what is spent
// whatever the size.
//   GRAFT_BENCH_MODEL=build/smollm2 build/bench/load_bench

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>

#include "graft/base/files.h"
#include "graft/io/model_folder.h"
#include "graft/models/registry.h"
#include "graft/tokenizer/tokenizer.h"

namespace {

using namespace graft;

struct Folders {
  fs::path model, tokenizer;
};

Folders folders() {
  if (const char* named = std::getenv("GRAFT_BENCH_MODEL")) return {named, named};
  const fs::path fixtures = fs::path(GRAFT_SOURCE_DIR) / "tests" / "fixtures";
  return {fixtures / "llama" / "tied", fixtures / "tokenizer" / "llama3"};
}

void open_model(benchmark::State& state) {
  const fs::path path = folders().model;
  size_t parameters = 0;
  for (auto _ : state) {
    const io::ModelFolder folder = io::ModelFolder::open(path);
    parameters = models::load_model(folder)->parameters();
  }
  state.counters["parameters"] = static_cast<double>(parameters);
  state.SetLabel(path.string());
}

void open_tokenizer(benchmark::State& state) {
  const fs::path path = folders().tokenizer;
  size_t words = 0;
  for (auto _ : state) words = tokenizer::Tokenizer::load(path).vocab_size();
  state.counters["words"] = static_cast<double>(words);
  state.SetLabel(path.string());
}

BENCHMARK(open_model)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(open_tokenizer)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
