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

using Ids = std::span<const int32_t>;

// Tokens that run together: counts[i] of the ids after caches[i], in this order.
struct Pass {
  std::vector<int32_t> ids;
  std::vector<nn::KvCache*> caches;
  std::vector<int> counts;
  std::vector<size_t> complete;  // the texts of which these are the last tokens to run
  std::vector<int32_t> ends;     // their last rows
};

// Runs a pass. Returns the residual stream of all its tokens.
models::Hidden advance(const models::Model& model, const Pass& pass) {
  models::Context context = model.context(nn::cached_sequences(pass.caches, pass.counts));
  context.caches = pass.caches;
  const int rows = static_cast<int>(pass.ids.size());
  models::Hidden hidden = model.embed(mx::array(pass.ids.begin(), {rows}, mx::int32), {});
  for (int i = 0; i < model.num_layers(); ++i) hidden = model.layer(i, hidden, context);
  for (size_t i = 0; i < pass.caches.size(); ++i) pass.caches[i]->advance(pass.counts[i]);
  return hidden;
}

// The final norm of the rows at which texts end, [E, D].
mx::array norm_of_ends(const models::Model& model, const models::Hidden& hidden, const Pass& pass) {
  const auto ends = [&](const mx::array& rows) {
    const auto count = static_cast<int>(pass.ends.size());
    if (count == rows.shape(0)) return rows;
    return mx::take(rows, mx::array(pass.ends.begin(), {count}, mx::int32), 0);
  };
  models::Hidden end{ends(hidden.stream), {}};
  if (hidden.delta) end.delta = ends(*hidden.delta);
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

std::span<float> Session::prefill(Ids ids) {
  Session* self = this;
  prefill({&self, 1}, {&ids, 1});
  return logits_;
}

void Session::step(std::span<Session* const> sessions, Ids ids) {
  std::vector<Ids> each;
  for (const int32_t& id : ids) each.push_back({&id, 1});
  prefill(sessions, each);
}

void Session::prefill(std::span<Session* const> sessions, std::span<const Ids> ids) {
  if (sessions.size() != ids.size()) {
    fail("internal: texts of {} sessions for {}", ids.size(), sessions.size());
  }
  if (sessions.empty()) return;
  std::vector<std::vector<int32_t>> seen;  // `ids` may point into `tokens_`
  for (size_t i = 0; i < sessions.size(); ++i) {
    if (sessions[i]->model_ != sessions[0]->model_) {
      fail("internal: sessions of several models run together");
    }
    check_ids(*sessions[i]->model_, ids[i]);
    seen.emplace_back(ids[i].begin(), ids[i].end());
  }
  try {
    run(sessions, ids);
    check_mapped_files();
  } catch (...) {
    for (Session* session : sessions) {
      session->cache_.rewind(static_cast<int>(session->tokens_.size()));
    }
    throw;
  }
  for (size_t i = 0; i < sessions.size(); ++i) {
    auto& tokens = sessions[i]->tokens_;
    tokens.insert(tokens.end(), seen[i].begin(), seen[i].end());
  }
}

void Session::run(std::span<Session* const> sessions, std::span<const Ids> ids) {
  const ops::RunAtOnce at_once;
  const models::Model& model = *sessions[0]->model_;
  size_t next = 0, begin = 0;  // the text, and its token
  while (next < ids.size()) {
    Pass pass;
    while (next < ids.size() && pass.ids.size() < kChunk) {
      const Ids part = ids[next].subspan(begin).first(
          std::min(kChunk - pass.ids.size(), ids[next].size() - begin));
      pass.ids.insert(pass.ids.end(), part.begin(), part.end());
      pass.caches.push_back(&sessions[next]->cache_);
      pass.counts.push_back(static_cast<int>(part.size()));
      begin += part.size();
      if (begin < ids[next].size()) break;
      pass.complete.push_back(next++);
      pass.ends.push_back(static_cast<int32_t>(pass.ids.size()) - 1);
      begin = 0;
    }
    const models::Hidden hidden = advance(model, pass);
    std::vector<mx::array> held;
    for (const nn::KvCache* cache : pass.caches) {
      const std::vector<mx::array> arrays = cache->arrays();
      held.insert(held.end(), arrays.begin(), arrays.end());
    }
    if (pass.complete.empty()) {
      held.push_back(hidden.stream);
    } else {
      const mx::array h = norm_of_ends(model, hidden, pass);
      held.push_back(ops::logits(h, model.head(h, {})));
    }
    mx::eval(held);
    const float* values = pass.complete.empty() ? nullptr : held.back().data<float>();
    for (const size_t text : pass.complete) {
      sessions[text]->logits_.assign(values, values + model.vocab_size());
      values += model.vocab_size();
    }
  }
}

void Session::rewind(size_t length) {
  if (length > tokens_.size()) {
    fail("internal: a session of {} tokens has no first {}", tokens_.size(), length);
  }
  cache_.rewind(static_cast<int>(length));
  tokens_.resize(length);
}

}  // namespace graft::generation
