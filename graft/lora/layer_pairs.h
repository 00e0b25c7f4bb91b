#pragma once

#include <map>
#include <string>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// The two tensors of a layer's adapter, in the file that they were found in.
struct LayerPair {
  const AdapterTensor *a, *b;

  /// 0 if lora_a is no matrix.
  int rank() const { return a->shape.size() < 2 ? 0 : a->shape[1]; }
  bool is_of_experts() const { return a->shape.size() == 3; }
};

/// The file's adapters by the path of their layer. Throws Error if one lacks lora_a or lora_b, and
/// for tensors that are neither.
std::map<std::string, LayerPair> layer_pairs(const AdapterFile& file);

/// The adapter with Mixtral's names of experts and routers, "...block_sparse_moe...", where it has
/// those that transformers 5 gives all models, "...mlp...".
AdapterFile with_mixtral_names(const AdapterFile& file);

/// Whether it has Mixtral's names.
bool has_mixtral_names(const AdapterFile& file);

}  // namespace graft::lora
