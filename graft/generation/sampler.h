#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace graft::generation {

struct SamplerOptions {
  float temperature = 0;         // 0: always the most likely token
  float top_p = 1;               // keep the likeliest tokens that make up this share
  int top_k = 0;                 // keep this many; 0: all
  float min_p = 0;               // drop tokens below this share of the largest probability
  float repetition_penalty = 1;  // of tokens seen lately; 1: none
  int repetition_context = 20;   // tokens that "lately" reaches back
  uint64_t seed = 0;
};

/// Picks the next token from logits.
class Sampler {
 public:
  /// Throws Error unless top_p and min_p are in [0, 1].
  explicit Sampler(SamplerOptions options);

  /// `logits` [V] may be changed; `history` is the text so far, prompt included. Throws Error if
  /// a logit is NaN or the largest is not finite.
  int32_t pick(std::span<float> logits, std::span<const int32_t> history);

 private:
  void penalize(std::span<float> logits, std::span<const int32_t> history) const;

  SamplerOptions options_;
  std::mt19937_64 random_;
};

}  // namespace graft::generation
