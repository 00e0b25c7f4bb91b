#include "graft/data/check/shown_record.h"

#include <algorithm>
#include <utility>

#include "graft/data/check/secrets.h"
#include "graft/tokenizer/stream_decoder.h"
#include "graft/unicode/unicode.h"

namespace graft::data::check {

std::vector<ShownRun> masked(std::vector<ShownRun> runs) {
  std::string all;
  for (const ShownRun& run : runs) all += run.text;
  size_t begin = 0;  // of a run in all
  const std::vector<Secret> secrets = secrets_in(all);
  for (ShownRun& run : runs) {
    const size_t end = begin + run.text.size();
    std::string text;
    size_t at = begin;
    for (const Secret& secret : secrets) {
      if (secret.bytes.end <= begin || secret.bytes.begin >= end) continue;
      text += all.substr(at, std::max(secret.bytes.begin, at) - at);
      if (secret.bytes.begin >= begin) text += "[" + std::string(secret.kind) + "]";
      at = std::min(secret.bytes.end, end);
    }
    text += all.substr(at, end - at);
    run.text = std::move(text);
    begin = end;
  }
  std::erase_if(runs, [](const ShownRun& run) { return run.text.empty(); });
  return runs;
}

ShownExample shown(const Example& example, const tokenizer::Tokenizer& tokenizer) {
  ShownExample result;
  result.tokens = std::ssize(example.ids);
  tokenizer::StreamDecoder decoder(tokenizer);
  std::vector<ShownRun> runs;
  for (size_t i = 0; i < example.ids.size(); ++i) {
    // The first token is never predicted.
    const bool trained = i > 0 && (example.weights.empty() || example.weights[i] != 0);
    const bool special = tokenizer.is_special(example.ids[i]);
    result.trained += trained ? 1 : 0;
    if (runs.empty() || runs.back().trained != trained || runs.back().special != special) {
      runs.push_back({"", trained, special});
    }
    runs.back().text += decoder.push(example.ids[i]);
  }
  if (!runs.empty()) runs.back().text += decoder.finish();
  result.runs = masked(std::move(runs));
  return result;
}

}  // namespace graft::data::check
