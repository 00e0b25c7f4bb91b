#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graft/io/json.h"
#include "graft/io/safetensors.h"

namespace graft {

/// Tensors that are made together, as a quantized layer's weight, scales and biases are.
struct TensorJob {
  std::vector<TensorDeclaration> outputs;
  /// Values for the outputs, in their order.
  std::function<std::vector<mx::array>()> make;
  /// Called when they are written: lets go of what they were made from. May be empty.
  std::function<void()> release;
  /// The weights that the outputs stand for.
  uint64_t parameters = 0;
};

struct WrittenModel {
  size_t tensors = 0;
  size_t bytes = 0;  // of all tensors
  uint64_t parameters = 0;
  std::vector<std::string> files;
};

/// The most that a shard holds (mlx-lm's 5 GiB), unless one job alone is larger.
inline constexpr size_t kMaxShardBytes = size_t{5} << 30;

/// Writes a model's tensors into a folder as mlx-lm does: `model.safetensors`, or shards
/// `model-00001-of-00003.safetensors`, and `model.safetensors.index.json`. Jobs are sorted by their
/// first output's name and run one at a time. Throws Error if writing fails.
WrittenModel write_model_tensors(const fs::path& folder, std::vector<TensorJob> jobs,
                                 size_t max_shard_bytes = kMaxShardBytes);

/// Writes a config.json as mlx-lm does: keys sorted, `_name_or_path` left out, `quantization`
/// repeated as `quantization_config`.
void write_model_config(const fs::path& path, ordered_json config);

/// Files beside a model's weights that belong to it and are copied along: tokenizer, generation
/// settings, templates, code, licence. Sorted; config.json, the index and the provenance are not
/// among them.
std::vector<fs::path> model_companions(const fs::path& folder);

/// Whether a folder is a model's, which an output folder may replace: it has a config.json, and
/// weights or their index.
bool looks_like_model_folder(const fs::path& folder);

}  // namespace graft
