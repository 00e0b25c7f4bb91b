#include "graft/models/llama.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_llama(const ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.qkv_bias = attention.output_bias = family.config().boolean("attention_bias", false);
  MlpConfig mlp = family.mlp();
  mlp.bias = family.config().boolean("mlp_bias", false);
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) { return family.llama_block(at, attention, mlp); });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
