#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>

#include "graft/io/quantization_config.h"
#include "graft/nn/embedding.h"
#include "graft/nn/expert_linear.h"

namespace graft::lora {

namespace mx = mlx::core;

/// What an adapted layer becomes when its adapter is fused into it.
struct FusedFormat {
  enum class Kind { as_is, quantized, dense } kind = Kind::as_is;
  int bits = 0;                          // of Kind::quantized, in mode affine
  mx::Dtype dense_dtype = mx::bfloat16;  // of Kind::dense where the layer was quantized
};

/// How a layer of this weight is quantized once it is fused; nothing if it is dense.
std::optional<io::LayerQuantization> fused_quantization(const ops::Weight& now,
                                                        const FusedFormat& format);

/// Throws Error if a layer of `in` columns does not divide into the groups of a setting.
void check_divides(const std::string& path, int in,
                   const std::optional<io::LayerQuantization>& setting);

/// W + scale * (a b)^T [out, in], with DoRA m / ||row|| times its rows, in f32; W itself without an
/// adapter. Not evaluated yet.
mx::array adapted_matrix(const nn::Linear& layer);

/// E + scale * a b [V, D] of the embedding, the same.
mx::array adapted_matrix(const nn::Embedding& embedding);

/// The same as `format` asks. A layer that was quantized keeps its group size, or has the next that
/// mode affine has, and the dtype of its scales. Requantizing to few bits can swallow a small
/// update: callers report the loss before and after. `checked`: what is quantized is evaluated, and
/// Error is thrown, which names the layer, unless its numbers are finite; to be computed once.
ops::Weight fused_weight(const nn::Linear& layer, const FusedFormat& format, bool checked = false);
ops::Weight fused_weight(const nn::Embedding& embedding, const FusedFormat& format,
                         bool checked = false);

/// The same of each expert, stacked [E, out, in].
ops::Weight fused_weight(const nn::ExpertLinear& layer, const FusedFormat& format,
                         bool checked = false);

}  // namespace graft::lora
