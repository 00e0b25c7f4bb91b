#include "graft/models/mistral.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_mistral(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.options.window = family.window();
  DecoderParts parts = family.parts(
      [&](const std::string& at, int) { return family.llama_block(at, attention, family.mlp()); });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
