#include "graft/generation/generate.h"

#include <chrono>
#include <optional>

#include "graft/base/error.h"

namespace graft::generation {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

GenerateResult continued(Session& session, const tokenizer::Tokenizer& tokenizer,
                         const std::vector<int32_t>& prompt, const GenerateOptions& options,
                         const Write& write) {
  check_prompt(session.model(), prompt);
  GenerateResult result;
  result.prompt_tokens = static_cast<int>(prompt.size());
  Continuation text(tokenizer, {options.max_tokens, options.eos_ids, options.stop}, options.sampler,
                    write);

  Clock::time_point start = Clock::now();
  std::span<float> logits = session.prefill(prompt);
  result.prompt_seconds = seconds_since(start);
  std::optional<ProfilingSwitch> profile;
  if (options.profile) {
    profile.emplace(true);
    take_profile();
  }
  start = Clock::now();
  while (text.take(logits, session.tokens())) {
    if (options.interrupted && options.interrupted()) {
      text.interrupt();
      break;
    }
    logits = session.step(text.tokens().back());
  }
  text.finish();
  result.seconds = seconds_since(start);
  result.tokens = text.tokens();
  result.steps = text.steps();
  result.end = text.end();
  if (options.profile) {
    result.phases = take_profile();
    add_rest(result.phases, "rest", result.seconds);
  }
  return result;
}

}  // namespace

void check_prompt(const models::Model& model, std::span<const int32_t> prompt) {
  if (prompt.empty()) fail("the prompt is empty: there is nothing to continue");
  const int known = model.vocab_size();
  for (int32_t id : prompt) {
    if (id < 0 || id >= known) {
      fail("the tokenizer gives token {}, but the model has {}", id, known);
    }
  }
}

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
