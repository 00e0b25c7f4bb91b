#include "graft/generation/generate.h"

#include <chrono>
#include <optional>

#include "graft/base/error.h"
#include "graft/generation/stop_filter.h"
#include "graft/tokenizer/stream_decoder.h"

namespace graft::generation {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int32_t pick(Sampler& sampler, std::span<float> logits, std::span<const int32_t> history) {
  const PhaseTimer timer("sampling");
  return sampler.pick(logits, history);
}

GenerateResult continued(Session& session, const tokenizer::Tokenizer& tokenizer,
                         const std::vector<int32_t>& prompt, const GenerateOptions& options,
                         const Write& write) {
  if (prompt.empty()) fail("the prompt is empty: there is nothing to continue");
  const int known = session.model().vocab_size();
  for (int32_t id : prompt) {
    if (id < 0 || id >= known) {
      fail("the tokenizer gives token {}, but the model has {}", id, known);
    }
  }
  GenerateResult result;
  result.prompt_tokens = static_cast<int>(prompt.size());
  Sampler sampler(options.sampler);
  StopFilter filter(options.stop);
  tokenizer::StreamDecoder decoder(tokenizer);
  const auto say = [&](const std::string& text) {
    if (write) write(text);
  };

  Clock::time_point start = Clock::now();
  std::span<float> logits = session.prefill(prompt);
  result.prompt_seconds = seconds_since(start);
  std::optional<ProfilingSwitch> profile;
  if (options.profile) {
    profile.emplace(true);
    take_profile();
  }
  start = Clock::now();
  while (result.steps < options.max_tokens) {
    const int32_t id = pick(sampler, logits, session.tokens());
    ++result.steps;
    if (options.eos_ids.count(id) > 0) {
      result.end = GenerateEnd::eos;
      break;
    }
    result.tokens.push_back(id);
    say(filter.push(decoder.push(id)));
    if (filter.stopped()) result.end = GenerateEnd::stop_text;
    if (filter.stopped() || result.steps == options.max_tokens) break;
    if (options.interrupted && options.interrupted()) {
      result.end = GenerateEnd::interrupted;
      break;
    }
    logits = session.step(id);
  }
  if (!filter.stopped()) {
    say(filter.push(decoder.finish()));
    say(filter.finish());
  }
  result.seconds = seconds_since(start);
  if (options.profile) {
    result.phases = take_profile();
    add_rest(result.phases, "rest", result.seconds);
  }
  return result;
}

}  // namespace

GenerateResult generate(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const Write& write) {
  Session session(model);
  return continued(session, tokenizer, prompt, options, write);
}

GenerateResult generate(Session& session, const tokenizer::Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const Write& write) {
  const size_t seen = session.tokens().size() + prompt.size();
  GenerateResult result = continued(session, tokenizer, prompt, options, write);
  const size_t expected = seen + result.tokens.size();
  if (session.tokens().size() < expected) session.step(result.tokens.back());
  return result;
}

}  // namespace graft::generation
