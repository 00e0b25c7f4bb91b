#include "graft/models/smollm3.h"

#include "graft/base/error.h"
#include "graft/models/family.h"

namespace graft::models {
namespace {

// Whether each layer rotates q and k.
std::vector<bool> rotated_layers(const Family& family) {
  std::vector<bool> rotated;
  const json& config = family.config_json();
  if (family.config().has("no_rope_layers")) {
    const json& listed = config["no_rope_layers"];
    for (size_t i = 0; listed.is_array() && i < listed.size(); ++i) {
      if (listed[i] != 0 && listed[i] != 1) break;
      rotated.push_back(listed[i] == 1);
    }
    if (std::ssize(rotated) < family.num_layers()) {
      fail("{}: no_rope_layers must have a 0 or 1 for each of {} layers", family.what(),
           family.num_layers());
    }
    return rotated;
  }
  const int interval = family.integer("no_rope_layer_interval");
  for (int i = 0; i < family.num_layers(); ++i) rotated.push_back((i + 1) % interval != 0);
  return rotated;
}

}  // namespace

std::unique_ptr<Model> make_smollm3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention_with_biases();
  const MlpConfig mlp = family.mlp_with_biases();
  const std::vector<bool> rotated = rotated_layers(family);
  const bool slides =
      family.config().boolean("use_sliding_window", false) && family.config().has("sliding_window");
  const std::vector<int> windows =
      layer_windows(family, [&](int i) { return slides && !rotated[static_cast<size_t>(i)]; });
  DecoderParts parts = family.parts([&](const std::string& at, int index) {
    const size_t i = static_cast<size_t>(index);
    attention.rope = rotated[i] ? std::optional<int>(0) : std::nullopt;
    attention.options.window = windows[i];
    return family.llama_block(at, attention, mlp);
  });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
