#include "graft/generation/continuation.h"

#include <utility>

#include "graft/base/profile.h"

namespace graft::generation {

Continuation::Continuation(const tokenizer::Tokenizer& tokenizer, Ends ends,
                           const SamplerOptions& sampler, Write write)
    : ends_(std::move(ends)),
      sampler_(sampler),
      filter_(ends_.stop),
      decoder_(tokenizer),
      write_(std::move(write)) {}

bool Continuation::take(std::span<float> logits, std::span<const int32_t> history) {
  if (steps_ >= ends_.max_tokens) return false;
  int32_t id = 0;
  {
    const PhaseTimer timer("sampling");
    id = sampler_.pick(logits, history);
  }
  ++steps_;
  if (ends_.eos_ids.count(id) > 0) {
    end_ = GenerateEnd::eos;
    return false;
  }
  tokens_.push_back(id);
  say(filter_.push(decoder_.push(id)));
  if (filter_.stopped()) end_ = GenerateEnd::stop_text;
  return !filter_.stopped() && steps_ < ends_.max_tokens;
}

void Continuation::finish() {
  if (filter_.stopped()) return;
  say(filter_.push(decoder_.finish()));
  say(filter_.finish());
}

}  // namespace graft::generation
