#pragma once

#include <map>
#include <string>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// The tensors of a layer's adapter, in the file that they were found in.
struct LayerPair {
  const AdapterTensor *a, *b;
  const AdapterTensor* m = nullptr;  // DoRA's magnitudes [out]

  int rank() const { return a->shape[1]; }
  bool is_of_experts() const { return a->shape.size() == 3; }
  /// The axes of the rank in lora_a and lora_b.
  int a_axis() const { return 1; }
  int b_axis() const { return is_of_experts() ? 2 : 0; }
};

/// The file's adapters by the path of their layer. Throws Error if one lacks lora_a or lora_b, or
/// an m that others have, for tensors that are none of these, and for shapes that are no adapter's:
/// lora_a [in, R] with lora_b [R, out] and m [out], or of experts [E, R, in] with [E, out, R].
std::map<std::string, LayerPair> layer_pairs(const AdapterFile& file);

/// Whether its layers have magnitudes: by the names of its tensors.
bool is_dora(const AdapterFile& file);

/// Throws Error for an adapter of DoRA, for which there is no `what`, such as "sum".
void refuse_dora(const AdapterFile& file, const std::string& what);

/// The adapter with Mixtral's names of experts and routers, "...block_sparse_moe...", where it has
/// those that transformers 5 gives all models, "...mlp...".
AdapterFile with_mixtral_names(const AdapterFile& file);

/// What it says of rank and scale. Throws Error if it does not.
const LoraSettings& settings_of(const AdapterFile& file);

/// Whether it has Mixtral's names.
bool has_mixtral_names(const AdapterFile& file);

}  // namespace graft::lora
