#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/models/decoder.h"
#include "graft/models/gguf_names.h"

namespace graft::gguf {

/// What llama.cpp computes for an architecture (its src/models/<architecture>.cpp, October 2026),
/// where architectures differ: what a file cannot say, a model must have.
struct Architecture {
  std::string_view name;
  enum class Head { optional, required, never } head = Head::optional;
  Activation activation = Activation::silu;
  enum class Bias { never, optional, always };
  Bias output_bias = Bias::never, mlp_bias = Bias::never;
  /// Heads are hidden_size / num_attention_heads wide.
  bool square_heads = false;
  enum class Parallel { never, always, either } parallel = Parallel::never;
  /// Whether it has windows; where not, attention is to the whole text.
  bool windows = false;
  bool partial_rope = false;   // it rotates a part of each head
  bool rope_divisors = false;  // rope_freqs.weight: RoPE of kind llama3
  bool rope_factors = false;   // rope_factors_long and _short: longrope
  /// Scales of attention, embedding, residual stream and logits.
  bool scales = false;
  bool embedding_by_width = false;  // the embedding is multiplied by sqrt(hidden_size)
  /// A number of layers for which scores are scaled by hidden_size / num_attention_heads.
  int scaled_by_width = 0;
  enum class Caps { none, logits, both } caps = Caps::none;
  /// Every n-th layer does not rotate; 0: all do.
  int unrotated = 0;
};

/// Of a model type's files. Throws Error for one that llama.cpp does not have, by name.
const Architecture& architecture_of(std::string_view model_type);

/// Throws Error, which names what, for a model that llama.cpp would compute otherwise. Returns
/// notes on what it computes otherwise for long texts alone. `what` names the model.
std::vector<std::string> check_architecture(const Architecture& architecture,
                                            const models::Decoder& model, const std::string& what);

}  // namespace graft::gguf
