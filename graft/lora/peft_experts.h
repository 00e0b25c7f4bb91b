#pragma once

#include <map>
#include <string>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// PEFT adapts the experts' parameters of transformers 5 (peft/tuners/lora/layer.py,
/// ParamWrapper): `gate_up_proj` [E, 2 F, D], the gate's rows first, and `down_proj` [E, D, F].
/// lora_A is [E R, in], expert after expert; lora_B [out, R E], of each rank all experts.

/// lora_a [E, R, in] and lora_b [E, out, R] of experts.
struct ExpertTensors {
  AdapterTensor a, b;
};

/// PEFT's tensors as graft has them. `rank` is that of the config. Throws Error that begins with
/// `what` if the shapes do not divide by it.
ExpertTensors experts_from_peft(const AdapterTensor& a, const AdapterTensor& b, int rank,
                                const std::string& what);

/// Half of what is said above of `gate_up_proj`: the gate's, or the up-projection's.
ExpertTensors half_of(const ExpertTensors& gate_up, bool upper, const std::string& what);

/// The other way round: lora_A and lora_B.
ExpertTensors experts_to_peft(const ExpertTensors& experts);

/// Gate and up-projection in one, of the sum of their ranks; of their rank if lora_a is the same
/// for both.
ExpertTensors joined(const ExpertTensors& gate, const ExpertTensors& up);

/// Experts that are stored one by one, [R, in] and [out, R] as PEFT has them, in ascending order.
/// Throws Error that begins with `what` unless they are 0, 1, 2, ... and alike.
ExpertTensors stacked_experts(const std::map<int, ExpertTensors>& each, const std::string& what);

}  // namespace graft::lora
