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

// Runs tokens after those in the caches: counts[i] of the ids after caches[i]. Returns the residual
// stream of all of them.
models::Hidden advance(const models::Model& model, std::span<const int32_t> ids,
                       const std::vector<nn::KvCache*>& caches, std::span<const int> counts) {
  models::Context context = model.context(nn::cached_sequences(caches, counts));
  context.caches = caches;
  models::Hidden hidden =
      model.embed(mx::array(ids.begin(), {static_cast<int>(ids.size())}, mx::int32));
  for (int i = 0; i < model.num_layers(); ++i) hidden = model.layer(i, hidden, context);
  for (size_t i = 0; i < caches.size(); ++i) caches[i]->advance(counts[i]);
  return hidden;
}

// The final norm of the last token, [1, D].
mx::array last_norm(const models::Model& model, const models::Hidden& hidden) {
  const auto last = [&](const mx::array& rows) {
    const int n = rows.shape(0);
    return n == 1 ? rows : mx::slice(rows, {n - 1, 0}, {n, rows.shape(1)});
  };
  models::Hidden end{last(hidden.stream), {}};
  if (hidden.delta) end.delta = last(*hidden.delta);
  return model.norm(end);
}

void check_ids(const models::Model& model, std::span<const int32_t> ids) {
  if (ids.empty()) fail("there is no token to continue");
  for (const int32_t id : ids) {
    if (id < 0 || id >= model.vocab_size()) {
      fail("token {} is not one of the model's {}", id, model.vocab_size());
    }
  }
}

}  // namespace

Session::Session(const models::Model& model) : model_(&model), cache_(model.num_layers()) {}

std::span<float> Session::prefill(std::span<const int32_t> ids) {
  check_ids(*model_, ids);
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
    const auto chunk = ids.subspan(begin, std::min(kChunk, ids.size() - begin));
    const int count = static_cast<int>(chunk.size());
    hidden = last_norm(*model_, advance(*model_, chunk, {&cache_}, {&count, 1}));
    std::vector<mx::array> held = cache_.arrays();
    held.push_back(hidden);
    mx::eval(held);
  }
  mx::array logits = ops::logits(hidden, model_->head());
  logits.eval();
  const float* values = logits.data<float>();
  logits_.assign(values, values + logits.size());
}

void Session::step(std::span<Session* const> sessions, std::span<const int32_t> ids) {
  if (sessions.size() != ids.size()) {
    fail("internal: {} tokens for {} sessions", ids.size(), sessions.size());
  }
  const models::Model& model = *sessions[0]->model_;
  check_ids(model, ids);
  std::vector<nn::KvCache*> caches;
  for (Session* session : sessions) {
    if (session->model_ != &model) fail("internal: sessions of several models take a step");
    caches.push_back(&session->cache_);
  }
  try {
    const ops::RunAtOnce at_once;
    const std::vector<int> counts(sessions.size(), 1);
    const mx::array hidden = model.norm(advance(model, ids, caches, counts));
    mx::array logits = ops::logits(hidden, model.head());
    std::vector<mx::array> held = {logits};
    for (const nn::KvCache* cache : caches) {
      const std::vector<mx::array> arrays = cache->arrays();
      held.insert(held.end(), arrays.begin(), arrays.end());
    }
    mx::eval(held);
    check_mapped_files();
    const auto width = static_cast<size_t>(model.vocab_size());
    const float* values = logits.data<float>();
    for (size_t i = 0; i < sessions.size(); ++i) {
      sessions[i]->logits_.assign(values + i * width, values + (i + 1) * width);
    }
  } catch (...) {
    for (Session* session : sessions) {
      session->cache_.rewind(static_cast<int>(session->tokens_.size()));
    }
    throw;
  }
  for (size_t i = 0; i < sessions.size(); ++i) sessions[i]->tokens_.push_back(ids[i]);
}

void Session::rewind(size_t length) {
  if (length > tokens_.size()) {
    fail("internal: a session of {} tokens has no first {}", tokens_.size(), length);
  }
  cache_.rewind(static_cast<int>(length));
  tokens_.resize(length);
}

}  // namespace graft::generation
