#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/profile.h"
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
  bool profile = false;           // of the time after the prompt; drops one that was being made
  std::function<bool()> interrupted = {};  // asked after every token: end now?
};

/// Why a text ends.
enum class GenerateEnd { length, eos, stop_text, interrupted };

struct GenerateResult {
  std::vector<int32_t> tokens;  // without the EOS
  int prompt_tokens = 0;
  double prompt_seconds = 0;
  double seconds = 0;  // of all tokens after the prompt's
  int steps = 0;       // tokens sampled, an EOS included
  GenerateEnd end = GenerateEnd::length;
  std::vector<Phase> phases;  // that add up to `seconds`, if it was profiled
};

/// Gets a text as it comes, in complete UTF-8 characters.
using Write = std::function<void(std::string_view)>;

/// Continues a prompt. Throws Error for one that is empty, or has a token that the model has not.
GenerateResult generate(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const Write& write = {});

/// The same behind what a session has seen, which then has seen the prompt and all of the tokens
/// too (not an EOS that ended them).
GenerateResult generate(Session& session, const tokenizer::Tokenizer& tokenizer,
                        const std::vector<int32_t>& prompt, const GenerateOptions& options,
                        const Write& write = {});

}  // namespace graft::generation
