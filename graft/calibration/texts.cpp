#include "graft/calibration/texts.h"

#include <algorithm>

namespace graft::calibration {
namespace {

int64_t length_of(const data::Dataset& set, size_t index, const TextsOptions& options) {
  return std::min(set.examples.length(index), options.longest) - 1;
}

}  // namespace

int64_t tokens_that_show(int64_t in, int64_t least) {
  constexpr int64_t kTokensAnInput = 8;
  return std::max(least, kTokensAnInput * in);
}

int64_t tokens_to_see(models::Model& model, int64_t least) {
  int64_t widest = 0;
  for (const models::LinearPart& part : models::linears_of(model.parts())) {
    widest = std::max<int64_t>(widest, part.weight().in());
  }
  return tokens_that_show(widest, least);
}

std::vector<data::Batch> texts_of(const data::Dataset& set, const TextsOptions& options) {
  std::vector<size_t> all;
  int64_t tokens_of_all = 0;
  for (size_t i = options.part; i < set.examples.size(); i += options.parts) {
    all.push_back(i);
    tokens_of_all += length_of(set, i, options);
  }
  const double share = static_cast<double>(options.most_tokens) /
                       static_cast<double>(std::max<int64_t>(1, tokens_of_all));
  const auto wanted = static_cast<size_t>(static_cast<double>(all.size()) * std::min(1.0, share));
  const size_t count = std::max(std::min<size_t>(1, all.size()), wanted);
  std::vector<data::Batch> batches;
  std::vector<size_t> chosen;
  int64_t tokens = 0, all_tokens = 0;
  const auto finish = [&] {
    if (chosen.empty()) return;
    data::Batch batch = data::make_batch(set, chosen, options.longest);
    if (batch.weight() > 0) batches.push_back(std::move(batch));
    chosen.clear();
    tokens = 0;
  };
  for (size_t i = 0; i < count; ++i) {
    const size_t index = all[i * all.size() / count];
    const int64_t own = length_of(set, index, options);
    if (all_tokens > 0 && all_tokens + own > options.most_tokens) break;
    all_tokens += own;
    if (tokens + own > options.batch_tokens) finish();
    chosen.push_back(index);
    tokens += own;
  }
  finish();
  return batches;
}

}  // namespace graft::calibration
