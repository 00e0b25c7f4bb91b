// Times a tokenizer on the texts of data/train.jsonl, on one thread: encoding, one text after the
// other, alone and with the spans of tokens, and decoding their ids, after the texts were found to
// survive both. MB/s count the texts' bytes of UTF-8. GRAFT_BENCH_MODEL names the model folder
// whose tokenizer it is; without it, build/smollm2 if it is there, else a tokenizer of the tests.
//   build/graft convert --hf-path GGUF --mlx-path build/smollm2
//   build/bench/tokenizer_bench

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/io/json.h"
#include "graft/tokenizer/tokenizer.h"

namespace {

using namespace graft;

fs::path source_folder() { return GRAFT_SOURCE_DIR; }

fs::path tokenizer_folder() {
  if (const char* named = std::getenv("GRAFT_BENCH_MODEL")) return named;
  const fs::path converted = source_folder() / "build" / "smollm2";
  if (fs::exists(converted / "tokenizer.json")) return converted;
  return source_folder() / "tests" / "fixtures" / "tokenizer" / "llama3";
}

struct Job {
  Job() : folder(tokenizer_folder()), tokenizer(tokenizer::Tokenizer::load(folder)) {
    std::istringstream lines(read_text(source_folder() / "data" / "train.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      texts.push_back(json::parse(line).at("text").get<std::string>());
      ids.push_back(tokenizer.encode(texts.back()));
      bytes += static_cast<double>(texts.back().size());
      tokens += static_cast<double>(ids.back().size());
    }
  }

  bool round_trip() const {
    for (size_t i = 0; i < texts.size(); ++i) {
      if (tokenizer.decode(ids[i], {.skip_special_tokens = true}) != texts[i]) return false;
    }
    return true;
  }

  fs::path folder;
  tokenizer::Tokenizer tokenizer;
  std::vector<std::string> texts;
  std::vector<std::vector<int32_t>> ids;
  double bytes = 0, tokens = 0;
};

const Job& job() {
  static const Job loaded;
  return loaded;
}

void time(benchmark::State& state, const std::function<void(size_t)>& one) {
  if (!job().round_trip()) {
    state.SkipWithError("a text is another one when encoded and decoded");
    return;
  }
  for (auto _ : state) {
    for (size_t i = 0; i < job().texts.size(); ++i) one(i);
  }
  auto rate = [](double amount) {
    return benchmark::Counter(amount, benchmark::Counter::kIsIterationInvariantRate);
  };
  state.counters["MB"] = rate(job().bytes / 1e6);
  state.counters["tokens"] = rate(job().tokens);
  state.SetLabel(job().folder.string());
}

void encode(benchmark::State& state) {
  time(state, [](size_t i) { benchmark::DoNotOptimize(job().tokenizer.encode(job().texts[i])); });
}

void encode_with_spans(benchmark::State& state) {
  time(state, [](size_t i) {
    benchmark::DoNotOptimize(job().tokenizer.encode_with_spans(job().texts[i]));
  });
}

void decode(benchmark::State& state) {
  time(state, [](size_t i) { benchmark::DoNotOptimize(job().tokenizer.decode(job().ids[i])); });
}

BENCHMARK(encode)->Unit(benchmark::kMillisecond);
BENCHMARK(encode_with_spans)->Unit(benchmark::kMillisecond);
BENCHMARK(decode)->Unit(benchmark::kMillisecond);

}  // namespace
