#include "graft/models/gemma2.h"

#include <utility>

#include "graft/models/family.h"
#include "graft/models/gemma_parts.h"

namespace graft::models {

std::unique_ptr<Model> make_gemma2(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = gemma_attention(family);
  const MlpConfig mlp = gemma_mlp(family, "hidden_activation");
  gemma_scale(family, attention);
  attention.options.soft_cap = gemma_cap(family, "attn_logit_softcapping");
  const std::vector<int> windows = layer_windows(family, [](int i) { return i % 2 == 0; });
  DecoderParts parts = gemma_parts(family, [&](const std::string& at, int index) {
    attention.options.window = windows[static_cast<size_t>(index)];
    return gemma_sandwich(family, at, attention, mlp);
  });
  parts.final_soft_cap = gemma_cap(family, "final_logit_softcapping");
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
