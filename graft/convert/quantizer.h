#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/convert/bit_recipe.h"
#include "graft/convert/convert.h"
#include "graft/convert/layers.h"
#include "graft/io/quantization_config.h"
#include "graft/models/traits.h"

namespace graft::convert {

/// What `quantize` makes of each layer: what the options say, or by `quant_predicate`, or else what
/// the model's family wants of some layers.
class Quantizer {
 public:
  /// `config` is the model's, `tensors` the names of all tensors.
  Quantizer(const ConvertOptions& options, const json& config,
            const std::vector<std::string>& tensors);

  /// Quantizes the tensor if MLX does (a floating 2-D `.weight`, or a stack of experts, whose width
  /// divides into groups), else casts it; adds a line to `lines` for a weight that cannot be
  /// quantized.
  io::TensorJob job(const PlainTensor& tensor, std::vector<std::string>& lines);

  /// The "quantization" of the model, once all jobs are made. Throws Error if there was no job for
  /// a weight that was given.
  ordered_json config() const;

 private:
  // Of the layer `path`, if it is not the model's.
  std::optional<io::LayerQuantization> own_setting(const std::string& path, int width) const;

  const models::FamilyTraits& traits_;
  std::map<std::string, ops::Weight> rounded_;  // that are not written yet
  io::LayerQuantization standard_;
  std::optional<BitRecipe> recipe_;
  std::map<std::string, std::optional<io::LayerQuantization>> own_;  // by path
};

}  // namespace graft::convert
