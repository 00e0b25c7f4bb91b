#pragma once

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// The adapter with the layers of `in_gguf_order` in a checkpoint's order. Throws Error if there
/// are such and the width of a head is not known (0), or rows are no whole heads.
AdapterFile in_own_order(const AdapterFile& file, int head_dim);

}  // namespace graft::lora
