#include "graft/io/model_writer.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <system_error>

#include "graft/base/atomic_file.h"
#include "graft/base/atomic_folder.h"
#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/io/expert_jobs.h"
#include "graft/io/finite.h"

namespace graft::io {
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

// Tells how much of a model is written.
class Written {
 public:
  Written(FrontEnd& front_end, const std::vector<TensorJob>& jobs) : front_end_(front_end) {
    for (const TensorJob& job : jobs) total_ += bytes_of(job);
  }
  ~Written() { front_end_.progress({}); }
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;

  void add(const TensorJob& job) {
    done_ += bytes_of(job);
    front_end_.check_cancelled();
    const auto gigabytes = [](size_t bytes) { return static_cast<double>(bytes) / 1e9; };
    const double share = total_ == 0 ? 1 : gigabytes(done_) / gigabytes(total_);
    front_end_.progress({{share,
                          {fmt::format("{:.2f} of {:.2f} GB", gigabytes(done_), gigabytes(total_)),
                           job.outputs[0].name}}});
  }

 private:
  FrontEnd& front_end_;
  size_t done_ = 0, total_ = 0;
};

void write_shard(const fs::path& path, const TensorJob* begin, const TensorJob* end,
                 Written& progress) {
  std::vector<TensorDeclaration> layout;
  for (const TensorJob* job = begin; job != end; ++job) {
    layout.insert(layout.end(), job->outputs.begin(), job->outputs.end());
  }
  SafetensorsWriter writer(path, layout, {{"format", "mlx"}});
  for (const TensorJob* job = begin; job != end; ++job) {
    std::vector<mx::array> values = job->make();
    if (values.size() != job->outputs.size()) throw std::logic_error("not as many as declared");
    for (size_t i = 0; i < values.size(); ++i) {
      check_finite(values[i], job->outputs[i].name);
      writer.write(job->outputs[i].name, std::move(values[i]));
    }
    values.clear();
    check_mapped_files();
    if (job->release) job->release();
    progress.add(*job);
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

WrittenModel write_tensors(const fs::path& folder, std::vector<TensorJob> jobs,
                           size_t max_shard_bytes, FrontEnd& front_end) {
  std::sort(jobs.begin(), jobs.end(), [](const TensorJob& a, const TensorJob& b) {
    return a.outputs.at(0).name < b.outputs.at(0).name;
  });
  std::vector<size_t> starts = shard_starts(jobs, max_shard_bytes);
  Written progress(front_end, jobs);
  WrittenModel written;
  std::map<std::string, std::string> weight_map;
  for (size_t shard = 0; shard < starts.size(); ++shard) {
    size_t end = shard + 1 < starts.size() ? starts[shard + 1] : jobs.size();
    std::string file = starts.size() == 1 ? "model.safetensors"
                                          : fmt::format("model-{:05}-of-{:05}.safetensors",
                                                        shard + 1, starts.size());
    write_shard(folder / file, jobs.data() + starts[shard], jobs.data() + end, progress);
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

void write_config(const fs::path& path, ordered_json config) {
  config.erase("_name_or_path");
  if (config.contains("quantization")) config["quantization_config"] = config["quantization"];
  std::map<std::string, ordered_json> sorted;
  for (const auto& [key, value] : config.items()) sorted.emplace(key, value);
  write_text(path, python_json(ordered_json(sorted)));
}

// Whether models of others, too, have files of this name.
bool is_model_file(const std::string& name) {
  static const std::set<std::string> others = {"config.json",
                                               "generation_config.json",
                                               "model.safetensors.index.json",
                                               kProvenanceFile,
                                               "tokenizer.json",
                                               "tokenizer_config.json",
                                               "tokenizer.model",
                                               "special_tokens_map.json",
                                               "added_tokens.json",
                                               "vocab.json",
                                               "merges.txt",
                                               "chat_template.jinja",
                                               "chat_template.json"};
  const bool is_shard = name.starts_with("model-") && name.ends_with(".safetensors");
  return others.count(name) > 0 || name == "model.safetensors" || is_shard;
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& path : entries_of(folder)) names.push_back(path.filename().string());
  return names;
}

// The files of an earlier folder that a model replaces.
std::vector<std::string> replaced_files(const fs::path& earlier, const ModelTarget& target) {
  const std::vector<std::string> recorded = recorded_files(earlier);
  const auto is_own = [&](const std::string& name) {
    return std::find(recorded.begin(), recorded.end(), name) != recorded.end();
  };
  const std::vector<std::string> names = file_names(earlier);
  std::error_code ignored;
  for (const std::string& name : names) {
    const auto type = fs::symlink_status(earlier / name, ignored).type();
    if (type == fs::file_type::directory || !(is_own(name) || is_model_file(name))) {
      fail_usage("{} holds {}, which graft did not write: move it away, or name another `{}`",
                 earlier.string(), name, target.option);
    }
  }
  for (const std::string& name : names) {
    if (is_own(name) || target.force) continue;
    fail_usage(
        "{} holds {}, and graft has no record of having written it: give `force` to replace the "
        "model there, or name another `{}`",
        earlier.string(), name, target.option);
  }
  return names;
}

Replaced replaced_by(const ModelTarget& target) {
  return [target](const fs::path& earlier) { return replaced_files(earlier, target); };
}

}  // namespace

void check_model_target(const fs::path& source, const ModelTarget& target) {
  if (lies_within(source, target.path)) {
    fail_usage("{} would replace the model that it is made from: give another `{}`",
               target.path.string(), target.option);
  }
  check_replaceable(target.path, replaced_by(target));
}

WrittenModel write_model_folder(ModelContents contents, const ModelTarget& target,
                                FrontEnd& front_end) {
  AtomicFolder folder(target.path, replaced_by(target));
  for (const std::string& note : contents.notes) front_end.note_line(note);
  if (!contents.config.contains("quantization")) {
    contents.jobs = with_experts_one_by_one(std::move(contents.jobs));
  }
  WrittenModel written =
      write_tensors(folder.path(), std::move(contents.jobs), target.max_shard_bytes, front_end);
  write_config(folder.path() / "config.json", std::move(contents.config));
  for (const fs::path& file : contents.copies) copy_file_into(file, folder.path());
  for (const auto& [name, text] : contents.texts) write_text(folder.path() / name, text);
  if (contents.add) contents.add(folder.path());
  std::vector<std::string> files = file_names(folder.path());
  files.insert(std::lower_bound(files.begin(), files.end(), kProvenanceFile), kProvenanceFile);
  contents.provenance.write(folder.path(), files);
  folder.commit();
  return written;
}

std::vector<fs::path> model_companions(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::path& path : entries_of(folder)) {
    if (is_file(path) && is_companion(path)) files.push_back(path);
  }
  return files;
}

}  // namespace graft::io
