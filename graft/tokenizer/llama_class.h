#pragma once

#include <nlohmann/json.hpp>

#include "graft/tokenizer/tokenizer_config.h"

namespace graft::tokenizer {

/// Changes a tokenizer.json as the class LlamaTokenizer does (models/llama/tokenization_llama.py of
/// transformers 5): vocabulary, merges, added tokens and post-processor stay, normalizer,
/// pre-tokenizer and decoder are its own, and unknown characters fall back to bytes. `document` is
/// the file without its model, `options` the model's without vocabulary and merges. Does nothing if
/// the model is not BPE, or is byte-level.
void rebuild_as_llama(const TokenizerConfig& config, nlohmann::json& document,
                      nlohmann::json& options);

}  // namespace graft::tokenizer
