#include "graft/training/checkpoint.h"

#include <fmt/format.h>
#include <mlx/allocator.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>
#include <map>

#include "graft/base/atomic_file.h"
#include "graft/base/atomic_folder.h"
#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/base/mapped_file.h"
#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/lora/adapter_path.h"

namespace graft::training {
namespace {

constexpr int kVersion = 1;
constexpr const char* kNumbers = "checkpoint.json";
constexpr const char* kArrays = "training.safetensors";
constexpr const char* kPrefix = "step-";
constexpr const char* kFolderEnding = ".checkpoints";

std::string hash_text(std::string_view bytes) { return fmt::format("{:016x}", fnv1a(bytes)); }

json facts_of(const fs::path& file) {
  constexpr size_t kPiece = 16 << 20;
  const MappedFile mapped(file);
  uint64_t hash = kFnv1aStart;
  for (size_t at = 0; at < mapped.size(); at += kPiece) {
    hash = fnv1a(mapped.text().substr(at, kPiece), hash);
    mapped.release();  // the file may be larger than what is left of memory
  }
  return {{"bytes", mapped.size()}, {"fnv1a", fmt::format("{:016x}", hash)}};
}

// A path or a prompt may hold bytes that are no UTF-8.
std::string json_text(const ordered_json& numbers, int indent = -1) {
  return numbers.dump(indent, ' ', false, ordered_json::error_handler_t::replace);
}

// Writes the numbers with a hash of themselves.
void write_numbers(const fs::path& file, ordered_json numbers) {
  numbers["check"] = hash_text(json_text(numbers));
  AtomicFile out(file);
  out.write(json_text(numbers, 1) + "\n");
  out.commit();
}

ordered_json read_numbers(const fs::path& file) {
  if (!is_there(file)) fail("{}: the file is missing", file.string());
  ordered_json numbers = io::read_ordered_json_object(file);
  const ordered_json check = numbers.value("check", ordered_json());
  numbers.erase("check");
  if (check != hash_text(json_text(numbers)))
    fail("{}: the file was changed or cut", file.string());
  const ordered_json version = numbers.value("version", ordered_json());
  if (version != kVersion) {
    fail("{}: a checkpoint of version {}, which graft " GRAFT_VERSION
         " does not know: it goes on from version {}",
         file.string(), version.dump(), kVersion);
  }
  return numbers;
}

void check_file(const fs::path& file, const json& expected) {
  if (!is_there(file)) fail("{}: the file is missing", file.string());
  if (facts_of(file) != expected) fail("{}: the file was changed or cut", file.string());
}

// The iteration that a checkpoint's folder is named after.
std::optional<int> iteration_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (!name.starts_with(kPrefix)) return {};
  const std::string_view digits = std::string_view(name).substr(std::string_view(kPrefix).size());
  int iteration = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), iteration);
  if (error != std::errc() || end != digits.data() + digits.size()) return {};
  return iteration;
}

std::string folder_name(int iteration) { return fmt::format("{}{:06}", kPrefix, iteration); }

// Newest first.
std::map<int, fs::path, std::greater<>> all_in(const fs::path& folder) {
  std::map<int, fs::path, std::greater<>> all;
  std::error_code ignored;
  for (const fs::path& path : entries_of(folder)) {
    if (fs::symlink_status(path, ignored).type() != fs::file_type::directory) continue;
    const auto iteration = iteration_of(path);
    if (iteration && path.filename() == folder_name(*iteration)) all[*iteration] = path;
  }
  return all;
}

// The names of the files that a checkpoint consists of, by its own record; where that is not
// readable, those that every checkpoint of this adapter has. The record is the last.
std::vector<std::string> own_files(const fs::path& folder, const std::string& adapter_name) {
  std::vector<std::string> names;
  try {
    const json numbers = io::read_json_object(folder / kNumbers);
    for (const auto& [name, facts] : numbers.at("files").items()) {
      if (fs::path(name).filename() == name) names.push_back(name);
    }
  } catch (const std::exception&) {
    names = {adapter_name, "adapter_config.json", kArrays};
  }
  names.push_back(kNumbers);
  return names;
}

// Throws UsageError if there is anything else in the folder.
std::vector<std::string> replaced_files(const fs::path& earlier, const std::string& adapter_name) {
  const std::vector<std::string> own = own_files(earlier, adapter_name);
  std::vector<std::string> names;
  for (const fs::path& path : entries_of(earlier)) {
    names.push_back(path.filename().string());
    if (std::find(own.begin(), own.end(), names.back()) == own.end()) {
      fail_usage("{} holds {}, which is no part of a checkpoint: move it away", earlier.string(),
                 names.back());
    }
  }
  return names;
}

// Leaves a folder that holds anything else. What is left after a crash here is still known, since
// the record goes last.
void remove_checkpoint(const fs::path& folder, const std::string& adapter_name) {
  std::error_code ignored;
  for (const std::string& name : own_files(folder, adapter_name)) {
    fs::remove(folder / name, ignored);
  }
  fs::remove(folder, ignored);
}

// The adapter's file in a checkpoint: of the same name where its layout keeps every number, rank
// and scale as it is trained, else one whose layout does.
std::string stored_name(const fs::path& adapter_file) {
  const lora::AdapterFormat& format = lora::format_of(adapter_file);
  if (format.is_exact) return adapter_file.filename().string();
  return std::string(lora::kSafetensorsAdapters.file_name);
}

// Throws json::exception if the numbers are not what a training writes.
void check_training(const json& numbers) {
  const json& progress = numbers.at("progress");
  progress.at("validated_after").get<int>();
  progress.at("validations_since_best").get<int>();
  numbers.at("step").get<int64_t>();
  numbers.at("sampler").at("generator").get<std::string>();
  numbers.at("sampler").at("position").get<size_t>();
  Figures::from_json(numbers.at("figures"));
}

}  // namespace

std::optional<fs::path> Checkpoint::trained_file() const {
  const fs::path all = absolute_path(folder).lexically_normal().parent_path();
  if (all.extension() != kFolderEnding) return {};
  return all.parent_path() / (all.stem().string() + fs::path(trained_name).extension().string());
}

Checkpoint Checkpoint::read(const fs::path& folder) {
  if (!is_there(folder)) fail("there is no checkpoint {}", folder.string());
  const fs::path file = folder / kNumbers;
  const ordered_json numbers = read_numbers(file);
  try {
    Checkpoint checkpoint;
    checkpoint.folder = folder;
    for (const auto& [name, facts] : numbers.at("files").items()) {
      check_file(folder / fs::path(name).filename(), facts);
    }
    checkpoint.adapter_file =
        folder / fs::path(numbers.at("adapter").get<std::string>()).filename();
    checkpoint.trained_name = numbers.value("trained", checkpoint.adapter_file.filename().string());
    checkpoint.identity = {.config = numbers.at("config"),
                           .fingerprints = numbers.at("fingerprints"),
                           .provenance = numbers.at("provenance"),
                           .threads = numbers.at("threads").get<int>(),
                           .run = numbers.value("run", std::string())};
    checkpoint.numbers = numbers.at("training");
    check_training(checkpoint.numbers);
    if (!checkpoint.identity.config.is_object() || !checkpoint.identity.fingerprints.is_object() ||
        checkpoint.iteration() != iteration_of(folder).value_or(checkpoint.iteration())) {
      fail("{}: this is no checkpoint", file.string());
    }
    checkpoint.arrays_ = numbers.at("files").at(kArrays);
    return checkpoint;
  } catch (const json::exception&) {
    fail("{}: this is no checkpoint", file.string());
  }
}

SnapshotParts Checkpoint::read_parts() const {
  check_file(folder / kArrays, arrays_);  // since it was read, others may have been here
  const io::SafetensorsFile file(folder / kArrays);
  SnapshotParts parts{.arrays = {}, .numbers = numbers};
  for (const std::string& name : file.names()) {
    const mx::array stored = file.load(name);
    // A copy: the file may be deleted while the training goes on.
    mx::array array(mx::allocator::malloc(stored.nbytes()), stored.shape(), stored.dtype());
    std::memcpy(array.data<char>(), stored.data<char>(), stored.nbytes());
    parts.arrays.emplace(name, array);
  }
  return parts;
}

Checkpoints::Checkpoints(const fs::path& adapter_file, int keep, Identity identity)
    : folder_(folder_of(adapter_file)),
      lock_(folder_),
      adapter_name_(adapter_file.filename().string()),
      stored_name_(stored_name(adapter_file)),
      keep_(keep),
      identity_(std::move(identity)) {}

fs::path Checkpoints::folder_of(const fs::path& adapter_file) {
  return adapter_file.parent_path() / (adapter_file.stem().string() + kFolderEnding);
}

// The checkpoints in the folder of an adapter, if there is one such folder.
std::optional<fs::path> Checkpoints::only_folder_in(const fs::path& folder) {
  std::optional<fs::path> found;
  if (folder.extension() == kFolderEnding || !is_folder(folder)) return {};
  for (const fs::path& path : entries_of(folder)) {
    if (path.extension() != kFolderEnding) continue;
    if (found) return {};
    found = path;
  }
  return found;
}

Checkpoint Checkpoints::find(const fs::path& path, FrontEnd& front_end) {
  const fs::path folder = without_trailing_slash(path);
  if (iteration_of(folder)) return Checkpoint::read(folder);
  if (const auto within = only_folder_in(folder)) return newest(*within, front_end);
  if (folder.extension() == kFolderEnding) return newest(folder, front_end);
  const fs::path all = folder_of(folder);
  Checkpoint found = newest(all, front_end);
  const fs::path extension = fs::path(found.trained_name).extension();
  if (folder.has_extension() && folder.extension() != extension) {
    fail("the checkpoints in {} are those of {}", all.string(),
         fs::path(folder).replace_extension(extension).string());
  }
  return found;
}

Checkpoint Checkpoints::newest(const fs::path& folder, FrontEnd& front_end) {
  const auto all = all_in(folder);
  for (const auto& [iteration, path] : all) {
    try {
      return Checkpoint::read(path);
    } catch (const Error& error) {
      front_end.warn("{}; the checkpoint before it is taken", error.what());
    }
  }
  if (all.empty()) fail("there is no checkpoint in {}", folder.string());
  fail("no checkpoint in {} is whole", folder.string());
}

std::optional<int> Checkpoints::unfinished(const fs::path& adapter_file) {
  const auto all = all_in(folder_of(adapter_file));
  if (all.empty()) return {};
  const auto& [iteration, folder] = *all.begin();
  try {
    const json numbers = io::read_json_object(folder / kNumbers);
    const json& config = numbers.at("config");
    if (iteration >= config.at("iters").get<int>()) return {};
    const int patience = config.at("patience").get<int>();
    const json& progress = numbers.at("training").at("progress");
    if (patience > 0 && progress.at("validations_since_best").get<int>() >= patience) return {};
  } catch (const std::exception&) {
    // It is not whole, and nobody knows.
  }
  return iteration;
}

fs::path Checkpoints::save(const Snapshot& snapshot, const lora::Adapters& adapters,
                           const AdapterSaver& saver) {
  const fs::path target = folder_ / folder_name(snapshot.progress.iteration);
  std::error_code error;
  fs::create_directory(folder_, error);  // only it: a folder that went away stays away
  if (error) fail("cannot create {}: {}", folder_.string(), error.message());
  try {
    write(target, snapshot, adapters, saver);
  } catch (...) {
    fs::remove(folder_, error);  // unless there is anything in it
    throw;
  }
  prune(snapshot.progress);
  return target;
}

void Checkpoints::write(const fs::path& target, const Snapshot& snapshot,
                        const lora::Adapters& adapters, const AdapterSaver& saver) const {
  AtomicFolder folder(
      target, [this](const fs::path& earlier) { return replaced_files(earlier, stored_name_); });
  saver.save_as(folder.path() / stored_name_, adapters, snapshot.progress);
  const SnapshotParts parts = parts_of(snapshot, adapters.parameters());
  io::save_safetensors(folder.path() / kArrays, parts.arrays);
  json files = json::object();
  for (const fs::path& path : entries_of(folder.path())) {
    files[path.filename().string()] = facts_of(path);
  }
  write_numbers(folder.path() / kNumbers, {{"version", kVersion},
                                           {"graft", GRAFT_VERSION},
                                           {"adapter", stored_name_},
                                           {"trained", adapter_name_},
                                           {"config", identity_.config},
                                           {"fingerprints", identity_.fingerprints},
                                           {"provenance", identity_.provenance},
                                           {"threads", identity_.threads},
                                           {"run", identity_.run},
                                           {"training", parts.numbers},
                                           {"files", files}});
  folder.commit();
}

void Checkpoints::prune(const Progress& progress) {
  int newest = 0;
  for (const auto& [iteration, path] : all_in(folder_)) {
    // Later ones are of an earlier training, or broken, or come again.
    const bool is_other =
        iteration > progress.iteration || (replaces_others_ && iteration != progress.iteration);
    const bool is_best = progress.best && progress.best->iteration == iteration;
    if (is_other || (++newest > keep_ && !is_best)) remove_checkpoint(path, stored_name_);
  }
  replaces_others_ = false;
}

}  // namespace graft::training
