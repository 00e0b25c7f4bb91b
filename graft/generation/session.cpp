#include "graft/generation/session.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/ops/backend.h"
#include "graft/ops/linear.h"

namespace graft::generation {
namespace {

namespace mx = mlx::core;

constexpr size_t kChunk = 512;  // tokens

// Runs tokens after those in the cache; returns the hidden state of the last, [1, D].
mx::array advance(const models::Model& model, std::span<const int32_t> ids, nn::KvCache& cache) {
  const int n = static_cast<int>(ids.size());
  models::Context context = model.context({{0, n, 0, cache.length() + n}});
  context.cache = &cache;
  models::Hidden hidden = model.embed(mx::array(ids.begin(), {n}, mx::int32));
  for (int i = 0; i < model.num_layers(); ++i) hidden = model.layer(i, hidden, context);
  cache.advance(n);
  const auto last = [&](const mx::array& rows) {
    return n == 1 ? rows : mx::slice(rows, {n - 1, 0}, {n, rows.shape(1)});
  };
  models::Hidden end{last(hidden.stream), {}};
  if (hidden.delta) end.delta = last(*hidden.delta);
  return model.norm(end);
}

}  // namespace

Session::Session(const models::Model& model) : model_(&model), cache_(model.num_layers()) {}

std::span<float> Session::prefill(std::span<const int32_t> ids) {
  if (ids.empty()) fail("there is no token to continue");
  for (const int32_t id : ids) {
    if (id < 0 || id >= model_->vocab_size()) {
      fail("token {} is not one of the model's {}", id, model_->vocab_size());
    }
  }
  const std::vector<int32_t> more(ids.begin(), ids.end());  // `ids` may point into `tokens_`
  try {
    run(more);
    check_mapped_files();
    tokens_.insert(tokens_.end(), more.begin(), more.end());
  } catch (...) {
    cache_.rewind(static_cast<int>(tokens_.size()));
    throw;
  }
  return logits_;
}

void Session::run(std::span<const int32_t> ids) {
  const ops::RunAtOnce at_once;
  mx::array hidden(0.0f);
  for (size_t begin = 0; begin < ids.size(); begin += kChunk) {
    hidden = advance(*model_, ids.subspan(begin, std::min(kChunk, ids.size() - begin)), cache_);
    std::vector<mx::array> held = cache_.arrays();
    held.push_back(hidden);
    mx::eval(held);
  }
  mx::array logits = ops::logits(hidden, model_->head());
  logits.eval();
  const float* values = logits.data<float>();
  logits_.assign(values, values + logits.size());
}

void Session::rewind(size_t length) {
  if (length > tokens_.size()) {
    fail("internal: a session of {} tokens has no first {}", tokens_.size(), length);
  }
  cache_.rewind(static_cast<int>(length));
  tokens_.resize(length);
}

}  // namespace graft::generation
