#pragma once

#include <mlx/array.h>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// Rows [out, R] in the order that a GGUF file of a permuted architecture has them (io::RowOrder).
/// Throws Error, which begins with `what`, if there are no whole heads.
mx::array in_order_of_gguf(const mx::array& rows, int head_dim, const std::string& what);

/// The adapter with the layers of `in_gguf_order` in a checkpoint's order. Throws Error if there
/// are such and the width of a head is not known (0), or rows are no whole heads.
AdapterFile in_own_order(const AdapterFile& file, int head_dim);

}  // namespace graft::lora
