#include "graft/generation/generate.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "graft/base/error.h"
#include "graft/generation/stop_filter.h"
#include "graft/ops/backend.h"
#include "graft/ops/linear.h"
#include "graft/tokenizer/stream_decoder.h"

namespace graft::generation {
namespace {

namespace mx = mlx::core;
using Clock = std::chrono::steady_clock;

constexpr size_t kPromptChunk = 512;  // tokens run at once: bounds the memory of a long prompt

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Runs tokens through the model, behind those in the cache; the hidden state of the last, [1, D].
mx::array advance(const models::Model& model, std::span<const int32_t> ids, nn::KvCache& cache) {
  int n = static_cast<int>(ids.size());
  models::Context context = model.context({{0, n, 0, cache.length() + n}});
  context.cache = &cache;
  models::Hidden hidden = model.embed(mx::array(ids.begin(), {n}, mx::int32));
  for (int i = 0; i < model.num_layers(); ++i) hidden = model.layer(i, hidden, context);
  cache.advance(n);
  auto last = [&](const mx::array& rows) {
    return n == 1 ? rows : mx::slice(rows, {n - 1, 0}, {n, rows.shape(1)});
  };
  models::Hidden end{last(hidden.stream), {}};
  if (hidden.delta) end.delta = last(*hidden.delta);
  return model.norm(end);
}

// Logits [V] of the token after `ids`.
std::vector<float> next_logits(const models::Model& model, std::span<const int32_t> ids,
                               nn::KvCache& cache) {
  const ops::RunAtOnce at_once;
  mx::array hidden(0.0f);
  for (size_t begin = 0; begin < ids.size(); begin += kPromptChunk) {
    hidden = advance(model, ids.subspan(begin, std::min(kPromptChunk, ids.size() - begin)), cache);
    std::vector<mx::array> held = cache.arrays();
    held.push_back(hidden);
    mx::eval(held);
  }
  mx::array logits = ops::logits(hidden, model.head());
  logits.eval();
  const float* values = logits.data<float>();
  return {values, values + logits.size()};
}

int32_t pick(Sampler& sampler, std::span<float> logits, std::span<const int32_t> history) {
  const PhaseTimer timer("sampling");
  return sampler.pick(logits, history);
}

}  // namespace

GenerateResult generate(const models::Model& model, const Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const std::function<void(std::string_view)>& write) {
  if (prompt.empty()) fail("the prompt is empty: there is nothing to continue");
  for (int32_t id : prompt) {
    if (id < 0 || id >= model.vocab_size()) {
      fail("the tokenizer gives token {}, but the model has {} words", id, model.vocab_size());
    }
  }
  GenerateResult result;
  result.prompt_tokens = static_cast<int>(prompt.size());
  nn::KvCache cache(model.num_layers());
  Sampler sampler(options.sampler);
  StopFilter filter(options.stop);
  StreamDecoder decoder(tokenizer);
  std::vector<int32_t> history = prompt;

  Clock::time_point start = Clock::now();
  std::vector<float> logits = next_logits(model, prompt, cache);
  result.prompt_seconds = seconds_since(start);
  std::optional<ProfilingSwitch> profile;
  if (options.profile) {
    profile.emplace(true);
    take_profile();
  }
  start = Clock::now();
  while (result.steps < options.max_tokens) {
    int32_t id = pick(sampler, logits, history);
    ++result.steps;
    if (options.eos_ids.count(id) > 0) break;
    result.tokens.push_back(id);
    history.push_back(id);
    write(filter.push(decoder.push(id)));
    if (filter.stopped() || result.steps == options.max_tokens) break;
    logits = next_logits(model, {&id, 1}, cache);
  }
  if (!filter.stopped()) {
    write(filter.push(decoder.finish()));
    write(filter.finish());
  }
  result.seconds = seconds_since(start);
  if (options.profile) {
    result.phases = take_profile();
    add_rest(result.phases, "rest", result.seconds);
  }
  return result;
}

}  // namespace graft::generation
