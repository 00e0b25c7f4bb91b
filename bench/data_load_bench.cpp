// Times how a data set becomes examples, on all cores: data::load of a file of texts and of one of
// chats, beside the tokenizer alone on the texts that they become (encode_batch, or with spans
// where not all is trained). MB/s count the bytes of the JSONL in all cases. The rows are words of
// data/train.jsonl, shuffled, so that the tokenizer's cache of words helps as it does with prose.
// GRAFT_BENCH_MODEL names the model folder whose tokenizer it is, GRAFT_BENCH_JSONL a file to read
// instead.
//   build/bench/data_load_bench

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/base/json_types.h"
#include "graft/data/load.h"
#include "graft/data/records/formats.h"
#include "graft/data/rows/row_reader.h"
#include "graft/tokenizer/tokenizer.h"

namespace {

using namespace graft;

constexpr size_t kBytes = size_t{32} << 20;

fs::path source_tree() { return GRAFT_SOURCE_DIR; }

fs::path model_folder() {
  if (const char* named = std::getenv("GRAFT_BENCH_MODEL")) return named;
  const fs::path converted = source_tree() / "build" / "smollm2";
  if (fs::exists(converted / "tokenizer.json")) return converted;
  return source_tree() / "tests" / "fixtures" / "tokenizer" / "llama3";
}

class Texts {
 public:
  Texts() {
    std::istringstream lines(read_text(source_tree() / "data" / "train.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream text(json::parse(line).at("text").get<std::string>());
      for (std::string word; text >> word;) words_.push_back(word);
    }
  }

  std::string next(size_t most_words) {
    std::string text;
    for (size_t i = 0, count = most_words / 4 + random_() % most_words; i < count; ++i) {
      text += (i == 0 ? "" : " ") + words_[random_() % words_.size()];
    }
    return text;
  }

 private:
  std::vector<std::string> words_;
  std::mt19937_64 random_{1};
};

json chat_of(Texts& texts) {
  return {{"messages",
           {{{"role", "user"}, {"content", texts.next(40)}},
            {{"role", "assistant"}, {"content", texts.next(80)}},
            {{"role", "user"}, {"content", texts.next(20)}},
            {{"role", "assistant"}, {"content", texts.next(80)}}}}};
}

struct Job {
  explicit Job(bool chats) : tokenizer(tokenizer::Tokenizer::load(model_folder())) {
    const char* given = std::getenv("GRAFT_BENCH_JSONL");
    file = given != nullptr ? fs::path(given)
                            : fs::temp_directory_path() /
                                  fmt::format("graft-load-bench-{}-{}.jsonl", ::getpid(), chats);
    if (given == nullptr) write(chats);
    encoder = std::make_unique<data::Encoder>(tokenizer, data::chat_form(model_folder(), tokenizer),
                                              data::RenderOptions{});
    bytes = static_cast<double>(fs::file_size(file));
    data::for_each_row(file, "bench", [&](const ordered_json& row, int64_t) {
      const auto& format = data::format_of(row, {}, "bench");
      texts.push_back(
          encoder->renderer().render(data::read_record(row, format, {}, "bench"), "bench"));
      plain.push_back(texts.back().text);
    });
    if (given == nullptr) made = file;
  }
  ~Job() {
    if (!made.empty()) fs::remove(made);
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  void write(bool chats) const {
    Texts texts_of_rows;
    std::ofstream out(file);
    for (size_t written = 0; written < kBytes;) {
      const json row = chats ? chat_of(texts_of_rows) : json{{"text", texts_of_rows.next(200)}};
      const std::string line = row.dump();
      out << line << '\n';
      written += line.size() + 1;
    }
  }

  tokenizer::Tokenizer tokenizer;
  fs::path file, made;
  std::unique_ptr<data::Encoder> encoder;
  std::vector<data::RenderedText> texts;
  std::vector<std::string> plain;
  double bytes = 0;
};

template <bool chats>
const Job& job() {
  static const Job made(chats);
  return made;
}

void rate(benchmark::State& state, double bytes) {
  state.counters["MB"] =
      benchmark::Counter(bytes / 1e6, benchmark::Counter::kIsIterationInvariantRate);
}

template <bool chats>
void load(benchmark::State& state) {
  const Job& its = job<chats>();
  const data::Source source{.files = {{its.file, "bench.jsonl"}}};
  for (auto _ : state) {
    const auto quiet = silent_front_end();
    benchmark::DoNotOptimize(data::load({source}, "bench.jsonl", *its.encoder, *quiet));
  }
  rate(state, its.bytes);
}

template <bool chats>
void tokenizer_alone(benchmark::State& state) {
  const Job& its = job<chats>();
  for (auto _ : state) {
    if (its.texts.front().all_trained) {
      benchmark::DoNotOptimize(its.tokenizer.encode_batch(its.plain));
    } else {
      benchmark::DoNotOptimize(its.tokenizer.encode_batch_with_spans(its.plain));
    }
  }
  rate(state, its.bytes);
}

BENCHMARK(tokenizer_alone<false>)
    ->Name("texts/tokenizer")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK(load<false>)
    ->Name("texts/load")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK(tokenizer_alone<true>)
    ->Name("chats/tokenizer")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK(load<true>)
    ->Name("chats/load")
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
