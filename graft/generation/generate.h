#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "graft/base/profile.h"
#include "graft/generation/continuation.h"
#include "graft/generation/sampler.h"
#include "graft/generation/session.h"
#include "graft/models/model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::generation {

struct GenerateOptions {
  int max_tokens = 100;
  SamplerOptions sampler;
  std::set<int32_t> eos_ids;      // generation ends at any of them
  std::vector<std::string> stop;  // and before any of these texts
  bool profile = false;           // profile the time after the prompt; drops a profile in progress
  std::function<bool()> interrupted = {};  // asked after every token: end now?
};

struct GenerateResult {
  std::vector<int32_t> tokens;  // without the EOS
  int prompt_tokens = 0;
  double prompt_seconds = 0;
  double seconds = 0;  // of all tokens after the prompt's
  int steps = 0;       // tokens sampled, an EOS included
  GenerateEnd end = GenerateEnd::length;
  std::vector<Phase> phases;  // they add up to `seconds`; empty unless profiled
};

/// Throws Error if a prompt is empty or has a token outside of the model's vocabulary.
void check_prompt(const models::Model& model, std::span<const int32_t> prompt);

/// Continues a prompt. Throws Error if it is empty or has a token outside of the vocabulary.
GenerateResult generate(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const Write& write = {});

/// The same, continuing a session. Afterwards the session has also seen the prompt and all
/// generated tokens (but not an EOS that ended them).
GenerateResult generate(Session& session, const tokenizer::Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const Write& write = {});

}  // namespace graft::generation
