#include "graft/io/model_writer.h"

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "graft/base/error.h"
#include "graft/io/provenance.h"

namespace graft {
namespace {

size_t bytes_of(const TensorJob& job) {
  size_t bytes = 0;
  for (const TensorDeclaration& output : job.outputs) bytes += output.bytes();
  return bytes;
}

// Positions of the jobs that begin a shard.
std::vector<size_t> shard_starts(const std::vector<TensorJob>& jobs, size_t max_shard_bytes) {
  std::vector<size_t> starts;
  size_t shard = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    size_t bytes = bytes_of(jobs[i]);
    if (starts.empty() || shard + bytes > max_shard_bytes) {
      starts.push_back(i);
      shard = 0;
    }
    shard += bytes;
  }
  if (starts.empty()) starts.push_back(0);
  return starts;
}

void write_shard(const fs::path& path, const TensorJob* begin, const TensorJob* end) {
  std::vector<TensorDeclaration> layout;
  for (const TensorJob* job = begin; job != end; ++job) {
    layout.insert(layout.end(), job->outputs.begin(), job->outputs.end());
  }
  SafetensorsWriter writer(path, layout, {{"format", "mlx"}});
  for (const TensorJob* job = begin; job != end; ++job) {
    std::vector<mx::array> values = job->make();
    if (values.size() != job->outputs.size()) throw std::logic_error("not as many as declared");
    for (size_t i = 0; i < values.size(); ++i) {
      writer.write(job->outputs[i].name, std::move(values[i]));
    }
    values.clear();
    if (job->release) job->release();
  }
  writer.commit();
}

bool is_companion(const fs::path& file) {
  std::string name = file.filename().string();
  if (name == kProvenanceFile || name == "config.json" || name.starts_with(".") ||
      name.ends_with(".index.json"))
    return false;
  if (name.starts_with("LICENSE") || name.starts_with("NOTICE")) return true;
  for (std::string_view ending : {".json", ".txt", ".jinja", ".model", ".tiktoken", ".py"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

}  // namespace

WrittenModel write_model_tensors(const fs::path& folder, std::vector<TensorJob> jobs,
                                 size_t max_shard_bytes) {
  std::sort(jobs.begin(), jobs.end(), [](const TensorJob& a, const TensorJob& b) {
    return a.outputs.at(0).name < b.outputs.at(0).name;
  });
  std::vector<size_t> starts = shard_starts(jobs, max_shard_bytes);
  WrittenModel written;
  std::map<std::string, std::string> weight_map;
  for (size_t shard = 0; shard < starts.size(); ++shard) {
    size_t end = shard + 1 < starts.size() ? starts[shard + 1] : jobs.size();
    std::string file = starts.size() == 1 ? "model.safetensors"
                                          : fmt::format("model-{:05}-of-{:05}.safetensors",
                                                        shard + 1, starts.size());
    write_shard(folder / file, jobs.data() + starts[shard], jobs.data() + end);
    for (size_t i = starts[shard]; i < end; ++i) {
      written.bytes += bytes_of(jobs[i]);
      written.parameters += jobs[i].parameters;
      for (const TensorDeclaration& output : jobs[i].outputs) weight_map[output.name] = file;
    }
    written.files.push_back(file);
  }
  written.tensors = weight_map.size();
  ordered_json index = {
      {"metadata", {{"total_size", written.bytes}, {"total_parameters", written.parameters}}},
      {"weight_map", weight_map}};
  write_text(folder / "model.safetensors.index.json", python_json(index));
  return written;
}

void write_model_config(const fs::path& path, ordered_json config) {
  config.erase("_name_or_path");
  if (config.contains("quantization")) config["quantization_config"] = config["quantization"];
  std::map<std::string, ordered_json> sorted;
  for (const auto& [key, value] : config.items()) sorted.emplace(key, value);
  write_text(path, python_json(ordered_json(sorted)));
}

std::vector<fs::path> model_companions(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code ignored;
    if (entry.is_regular_file(ignored) && is_companion(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool looks_like_model_folder(const fs::path& folder) {
  return is_there(folder / "config.json") && (is_there(folder / "model.safetensors") ||
                                              is_there(folder / "model.safetensors.index.json"));
}

}  // namespace graft
