#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/io/model_writer.h"
#include "graft/io/provenance.h"
#include "graft/io/quantization_config.h"
#include "graft/ops/weight.h"

namespace graft::convert {

namespace mx = mlx::core;

/// The options of `graft convert`.
struct ConvertOptions {
  fs::path hf_path = {};                 // a checkpoint folder, a converted folder, or a .gguf file
  fs::path mlx_path = "mlx_model";       // the folder to write
  bool quantize = false;                 // embeddings, projections and head
  std::optional<int> q_bits = {};        // of a quantized weight; else the mode's default
  std::optional<int> q_group_size = {};  // weights that share a scale; else the mode's default
  std::string q_mode = "affine";         // or mxfp4, mxfp8, nvfp4
  std::optional<std::string> quant_predicate = {};  // bits of each layer: a BitRecipe's name
  std::optional<std::string> dtype = {};  // for what is not quantized: float16, bfloat16 or float32
  bool dequantize = false;                // turn quantized layers into plain ones
  // Of layers, by path, that are quantized already, as `planned_layers` says: what is written of
  // them. Error for one that is no such layer.
  std::map<std::string, ops::Weight> rounded = {};
  bool force = false;              // replace a folder that is not a model's
  io::Provenance provenance = {};  // of the result; written as graft.json
  size_t max_shard_bytes = io::kMaxShardBytes;
};

/// How `quantize` quantizes a layer that has no setting of its own. Throws UsageError for what MLX
/// does not have.
io::LayerQuantization standard_setting(const ConvertOptions& options);

/// A layer that `quantize` quantizes.
struct PlannedLayer {
  io::LayerQuantization setting;
  mx::Dtype dtype;  // of scales and biases
};

/// Those of a checkpoint folder, by path. Throws as `convert` does, and UsageError for another
/// source.
std::map<std::string, PlannedLayer> planned_layers(const ConvertOptions& options);

struct ConvertReport {
  size_t tensors = 0;
  size_t bytes = 0;         // of all tensors
  uint64_t parameters = 0;  // weights that the tensors stand for
  double bits_per_weight = 0;
  std::vector<std::string> files;
  std::vector<std::string> lines;  // all that was said
};

/// Makes an MLX model folder. It appears whole, in place of an earlier model, or not at all; no
/// more than one layer's tensors are in memory. The front end gets a note for each thing that a
/// person should know. Throws UsageError for options that contradict each other or the source,
/// Error for a source that cannot be read or an output that cannot be written, Cancelled.
///
/// What `quantize` writes is, bit for bit, what `mlx_lm.convert -q` writes for the same weights.
ConvertReport convert(const ConvertOptions& options, FrontEnd& front_end = *silent_front_end());

}  // namespace graft::convert
