#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "graft/io/gguf_types.h"
#include "graft/ops/weight.h"

namespace graft::gguf {

/// Whether blocks of `type` hold exactly the numbers of a quantized weight [out, in]: w = scale q +
/// bias in groups of a multiple of 32, scales and biases that float16 holds, and as many bits;
/// where blocks have no minimum, biases that are a whole multiple of the scale. Reads all scales.
bool holds_exactly(io::GgufTensorType type, const ops::Weight& weight);

/// The smallest type that holds it exactly, if one does.
std::optional<io::GgufTensorType> exact_type(const ops::Weight& weight);

/// The weight's rows as blocks of a type that holds them exactly.
void put_exactly(io::GgufTensorType type, const ops::Weight& weight, std::span<std::byte> blocks);

}  // namespace graft::gguf
