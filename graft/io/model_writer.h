#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/io/json.h"
#include "graft/io/provenance.h"
#include "graft/io/tensor_job.h"

namespace graft::io {

struct WrittenModel {
  size_t tensors = 0;
  size_t bytes = 0;  // of all tensors
  uint64_t parameters = 0;
  std::vector<std::string> files;
};

/// The size limit of a shard (mlx-lm's 5 GiB); only a single larger job exceeds it.
inline constexpr size_t kMaxShardBytes = size_t{5} << 30;

/// The contents of a model folder.
struct ModelContents {
  ordered_json config;
  std::vector<TensorJob> jobs;
  std::vector<fs::path> copies;              // files to copy as they are
  std::map<std::string, std::string> texts;  // files to write, by name
  Provenance provenance;                     // written as graft.json
  std::vector<std::string> notes = {};       // for the user, once the target is writable
  // Writes other files into the new folder, where weights and config lie already.
  std::function<void(const fs::path& folder)> add = {};
};

/// The folder that a model is written to.
struct ModelTarget {
  fs::path path;
  bool force = false;             // replace a model's files that graft did not write
  const char* option = "target";  // what messages call it
  size_t max_shard_bytes = kMaxShardBytes;
};

/// Throws UsageError if the target would replace the model at `source`, or if it is a folder with
/// files that graft did not write itself, by its own record there. With `force`, files that models
/// consist of are replaced too, but nothing else is.
void check_model_target(const fs::path& source, const ModelTarget& target);

/// Writes a model folder, which appears whole, in place of an earlier model, or not at all. As in
/// mlx-lm: `model.safetensors`, or shards `model-00001-of-00003.safetensors` with
/// `model.safetensors.index.json`; config.json with its keys sorted, without `_name_or_path`, and
/// with `quantization` repeated as `quantization_config`. Jobs
/// are sorted by the name of their first output and run one at a time. graft.json lists all the
/// files. Throws Error if writing fails or a number is NaN or infinite, UsageError as
/// check_model_target does, Cancelled.
WrittenModel write_model_folder(ModelContents contents, const ModelTarget& target,
                                FrontEnd& front_end = *silent_front_end());

/// Files beside a model's weights that belong to it and are copied along: tokenizer, generation
/// settings, templates, code, licence. Sorted; config.json, the index and the provenance are not
/// among them.
std::vector<fs::path> model_companions(const fs::path& folder);

}  // namespace graft::io
