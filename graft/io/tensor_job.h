#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "graft/io/safetensors.h"

namespace graft::io {

/// Tensors that are computed together, such as a quantized layer's weight, scales and biases.
struct TensorJob {
  std::vector<TensorDeclaration> outputs;
  /// Values for the outputs, in their order.
  std::function<std::vector<mx::array>()> make;
  /// Called once they are written, to free what they were made from. May be empty.
  std::function<void()> release;
  /// How many weights the outputs represent.
  uint64_t parameters = 0;
};

}  // namespace graft::io
