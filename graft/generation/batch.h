#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graft/generation/continuation.h"
#include "graft/generation/sampler.h"
#include "graft/models/model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::generation {

struct BatchPrompt {
  std::vector<int32_t> ids;
  SamplerOptions sampler = {};
};

struct BatchOptions {
  int batch_size = 8;                      // texts that take their steps together
  Ends ends = {};                          // of each text
  std::function<bool()> interrupted = {};  // asked after every step and reading: end now?
};

struct BatchAnswer {
  std::vector<int32_t> tokens;  // without the EOS
  std::string text;             // up to a stop text
  int prompt_tokens = 0;
  int steps = 0;  // tokens picked, an EOS included
  GenerateEnd end = GenerateEnd::length;
};

/// Receives the answers one after the other, in the order of the prompts, each as soon as it and
/// all before it are complete.
using TakeAnswer = std::function<void(size_t index, BatchAnswer answer)>;

struct BatchResult {
  size_t answers = 0;  // handed over
  int64_t prompt_tokens = 0, steps = 0;
  double prompt_seconds = 0;
  double seconds = 0;  // of all tokens after the prompts'
};

/// Continues many prompts, `batch_size` at a time: they are read together, up to 512 tokens at
/// once, and their next tokens are computed together, in one pass over the weights; a text that
/// ends makes room for the next prompt. Keys and values are held for `batch_size` texts, and
/// answers only until those before them are complete.
///
/// Each answer is what `generate` gives for its prompt alone, but for the last bits of its logits,
/// which may differ where a product of several rows is summed in another order than that of one:
/// see kernels::linear. With quantized weights of 4 and 8 bits on processors with dot products of
/// bf16 or, but for mode mxfp8, of integers, and up to 32 texts at a time, they do not.
///
/// When `interrupted` says so, the texts that are under way end, those that have not begun are left
/// out, and what is complete up to the first of them is handed over. Throws Error, with the number
/// of the prompt, if one is empty or has a token outside of the vocabulary, and as Sampler does.
BatchResult generate_batch(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                           std::span<const BatchPrompt> prompts, const BatchOptions& options,
                           const TakeAnswer& take);

}  // namespace graft::generation
