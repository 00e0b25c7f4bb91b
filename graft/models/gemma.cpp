#include "graft/models/gemma.h"

#include <utility>

#include "graft/models/family.h"
#include "graft/models/gemma_parts.h"

namespace graft::models {

std::unique_ptr<Model> make_gemma(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  const AttentionConfig attention = gemma_attention(family);
  MlpConfig mlp = gemma_mlp(family, "hidden_act");
  // The first releases say "gelu" and mean this.
  if (mlp.activation == Activation::gelu) mlp.activation = Activation::gelu_tanh;
  DecoderParts parts = gemma_parts(
      family, [&](const std::string& at, int) { return family.llama_block(at, attention, mlp); });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
