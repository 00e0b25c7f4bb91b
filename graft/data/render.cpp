#include "graft/data/render.h"

#include <utility>

#include "graft/base/error.h"

namespace graft::data {

Rendered render(std::vector<Record> records, const std::string& path,
                const tokenizer::Tokenizer& tokenizer, const RenderOptions& options) {
  std::vector<std::string> texts;
  texts.reserve(records.size());
  for (Record& record : records) texts.push_back(std::move(record.text));
  std::vector<std::vector<int32_t>> encoded = tokenizer.encode_batch(texts);
  if (options.add_eos && !tokenizer.eos_id()) {
    fail(
        "the tokenizer's tokenizer_config.json names no eos_token to end examples with: give "
        "`add_eos` 0");
  }
  const auto most = static_cast<size_t>(options.max_seq_length);
  Rendered result;
  for (size_t i = 0; i < encoded.size(); ++i) {
    std::vector<int32_t>& ids = encoded[i];
    if (options.add_eos && (ids.empty() || ids.back() != *tokenizer.eos_id())) {
      ids.push_back(*tokenizer.eos_id());
    }
    if (ids.size() > most) {
      ids.resize(most);
      ++result.truncated;
    }
    for (int32_t id : ids) {
      if (id < options.vocab_size) continue;
      fail("{}:{}: the tokenizer gives token {} ({}), but the model has {}", path, records[i].line,
           id, tokenizer.decode({&id, 1}), options.vocab_size);
    }
    if (ids.size() < 2) {
      ++result.too_short;
      continue;
    }
    result.examples.push_back({.ids = std::move(ids), .line = records[i].line});
  }
  return result;
}

}  // namespace graft::data
