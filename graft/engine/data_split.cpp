#include "graft/engine/data_split.h"

#include <fmt/ranges.h>

#include "graft/base/error.h"
#include "graft/data/load.h"
#include "graft/data/split_choice.h"

namespace graft::engine {
namespace {

void warn_of(const data::Dataset& set, const data::RenderOptions& options, FrontEnd& front_end) {
  const data::RecordCounts& counts = set.counts;
  const auto warn = [&](int64_t count, const std::string& what) {
    if (count == 0) return;
    front_end.warn("{}: {} of {} examples {}", set.name, count, counts.records, what);
  };
  const std::string longer =
      fmt::format("are longer than `max_seq_length` {}", options.max_seq_length);
  warn(counts.truncated, longer + " and are cut to it");
  warn(counts.split, longer + " and are split");
  warn(counts.dropped, longer + " and are left out");
  warn(counts.too_short, "have fewer than 2 tokens and are left out");
  warn(counts.untrained,
       fmt::format("have no token to train on and are left out: {}{}",
                   fmt::join(counts.untrained_places, ", "),
                   counts.untrained > std::ssize(counts.untrained_places) ? ", ..." : ""));
  if (counts.unwritten_calls > 0) {
    front_end.warn(
        "{}: the chat template writes nothing of the tool calls of an assistant's message, here "
        "and "
        "in {} of {} examples in all: they are not learnt",
        counts.unwritten_place, counts.unwritten_calls, counts.records);
  }
}

}  // namespace

data::Dataset load_sources(const std::vector<data::Source>& sources, const std::string& name,
                           const LoadedModel& loaded, data::RenderOptions options,
                           FrontEnd& front_end, const data::TokenCacheOptions& cache) {
  options.vocab_size = loaded.model->vocab_size();
  const data::Encoder encoder(loaded.tokenizer, loaded.chat(), options);
  data::Dataset set = data::load(sources, name, encoder, front_end, cache);
  warn_of(set, options, front_end);
  return set;
}

data::Dataset load_split(const fs::path& folder, const std::string& split,
                         const LoadedModel& loaded, const data::RenderOptions& options,
                         FrontEnd& front_end, const data::TokenCacheOptions& cache) {
  data::Source source;
  for (const std::string& file : data::choose_split(files_below(folder), "", "", split)) {
    source.files.push_back({folder / file, (folder / file).string()});
  }
  const fs::path usual = folder / (split + ".jsonl");
  if (source.files.empty()) {
    fail("there is no {}: a data folder holds train.jsonl, valid.jsonl and test.jsonl",
         usual.string());
  }
  const std::string name =
      source.files.size() == 1
          ? source.files.front().name
          : fmt::format("{} ({} files)", (folder / split).string(), source.files.size());
  return load_sources({source}, name, loaded, options, front_end, cache);
}

}  // namespace graft::engine
