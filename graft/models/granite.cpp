#include "graft/models/granite.h"

#include "graft/base/error.h"
#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_granite(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention_with_biases();
  attention.options.scale = family.number("attention_multiplier");
  const MlpConfig mlp = family.mlp_with_biases();
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) { return family.llama_block(at, attention, mlp); });
  parts.embedding_scale = family.number("embedding_multiplier");
  parts.residual_scale = family.number("residual_multiplier");
  const float divisor = family.number("logits_scaling");
  if (divisor == 0) fail("{}: logits_scaling is 0", family.what());
  parts.output_scale = 1 / divisor;
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
