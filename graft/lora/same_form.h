#pragma once

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// The same adapter with one scale and one rank for all its layers, for layouts that have no more:
/// a layer with another scale has it in lora_b, one of a lower rank has zeros. Where all are alike
/// already, its tensors are those of `file`. Throws Error if it does not say its scale, and where
/// the zeros would be far more than the adapter.
AdapterFile in_one_form(const AdapterFile& file);

}  // namespace graft::lora
