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

namespace graft::training {
namespace {

constexpr int kVersion = 1;
constexpr const char* kNumbers = "checkpoint.json";
constexpr const char* kArrays = "training.safetensors";
constexpr const char* kPrefix = "step-";

std::string hash_text(std::string_view bytes) { return fmt::format("{:016x}", fnv1a(bytes)); }

json facts_of(const fs::path& file) {
  const MappedFile mapped(file);
  return {{"bytes", mapped.size()}, {"fnv1a", hash_text(mapped.text())}};
}

// Writes the numbers with a hash of themselves.
void write_numbers(const fs::path& file, ordered_json numbers) {
  numbers["check"] = hash_text(numbers.dump());
  AtomicFile out(file);
  out.write(numbers.dump(1) + "\n");
  out.commit();
}

ordered_json read_numbers(const fs::path& file) {
  if (!is_there(file)) fail("{}: the file is missing", file.string());
  ordered_json numbers = io::read_ordered_json_object(file);
  const ordered_json check = numbers.value("check", ordered_json());
  numbers.erase("check");
  if (check != hash_text(numbers.dump())) fail("{}: the file was changed or cut", file.string());
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

// Newest first.
std::map<int, fs::path, std::greater<>> all_in(const fs::path& folder) {
  std::map<int, fs::path, std::greater<>> all;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.is_directory(ignored)) continue;
    if (const auto iteration = iteration_of(entry.path())) all[*iteration] = entry.path();
  }
  return all;
}

// The names of the files that a checkpoint consists of, by its own record; none if it has no such.
std::vector<std::string> own_files(const fs::path& folder) {
  std::vector<std::string> names = {kNumbers};
  try {
    const json numbers = io::read_json_object(folder / kNumbers);
    for (const auto& [name, facts] : numbers.at("files").items()) {
      if (fs::path(name).filename() == name) names.push_back(name);
    }
  } catch (const std::exception&) {
    return {};
  }
  return names;
}

// Throws UsageError if there is anything else in the folder.
std::vector<std::string> replaced_files(const fs::path& earlier) {
  const std::vector<std::string> own = own_files(earlier);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(earlier)) {
    names.push_back(entry.path().filename().string());
    if (std::find(own.begin(), own.end(), names.back()) == own.end()) {
      fail_usage("{} holds {}, which is no part of a checkpoint: move it away", earlier.string(),
                 names.back());
    }
  }
  return names;
}

// Leaves a folder that holds anything else.
void remove_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::string> names = own_files(folder);
  // The record last: what is left of a checkpoint after a crash here is still known.
  std::reverse(names.begin(), names.end());
  for (const std::string& name : names) fs::remove(folder / name, ignored);
  fs::remove(folder, ignored);
}

}  // namespace

fs::path Checkpoint::trained_file() const {
  return folder.parent_path().parent_path() / adapter_file.filename();
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
    checkpoint.identity = {.config = numbers.at("config"),
                           .fingerprints = numbers.at("fingerprints"),
                           .provenance = numbers.at("provenance"),
                           .threads = numbers.at("threads").get<int>()};
    checkpoint.parts.numbers = numbers.at("training");
    const io::SafetensorsFile arrays(folder / kArrays);
    for (const std::string& name : arrays.names()) {
      mx::array array = arrays.load(name);
      // A copy: the file may be deleted while the training goes on.
      array = mx::array(mx::allocator::malloc(array.nbytes()), array.shape(), array.dtype());
      const mx::array stored = arrays.load(name);
      std::memcpy(array.data<char>(), stored.data<char>(), stored.nbytes());
      checkpoint.parts.arrays.emplace(name, array);
    }
    checkpoint.iteration();  // it is there
    return checkpoint;
  } catch (const json::exception&) {
    fail("{}: this is no checkpoint", file.string());
  }
}

Checkpoints::Checkpoints(const fs::path& adapter_file, int keep, Identity identity)
    : folder_(folder_of(adapter_file)),
      adapter_name_(adapter_file.filename().string()),
      keep_(keep),
      identity_(std::move(identity)) {}

fs::path Checkpoints::folder_of(const fs::path& adapter_file) {
  return adapter_file.parent_path() / (adapter_file.stem().string() + ".checkpoints");
}

Checkpoint Checkpoints::find(const fs::path& path, FrontEnd& front_end) {
  const fs::path folder = without_trailing_slash(path);
  if (iteration_of(folder)) return Checkpoint::read(folder);
  return newest(folder.extension() == ".checkpoints" ? folder : folder_of(folder), front_end);
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
    if (iteration >= numbers.at("config").at("iters").get<int>()) return {};
  } catch (const std::exception&) {
    // It is not whole, and nobody knows.
  }
  return iteration;
}

fs::path Checkpoints::save(const Snapshot& snapshot, const lora::Adapters& adapters,
                           const AdapterSaver& saver) {
  const fs::path target = folder_ / fmt::format("{}{:06}", kPrefix, snapshot.progress.iteration);
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
  AtomicFolder folder(target, replaced_files);
  saver.save_as(folder.path() / adapter_name_, adapters, snapshot.progress);
  const SnapshotParts parts = parts_of(snapshot, adapters.parameters());
  io::save_safetensors(folder.path() / kArrays, parts.arrays);
  json files = json::object();
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    files[entry.path().filename().string()] = facts_of(entry.path());
  }
  write_numbers(folder.path() / kNumbers, {{"version", kVersion},
                                           {"graft", GRAFT_VERSION},
                                           {"adapter", adapter_name_},
                                           {"config", identity_.config},
                                           {"fingerprints", identity_.fingerprints},
                                           {"provenance", identity_.provenance},
                                           {"threads", identity_.threads},
                                           {"training", parts.numbers},
                                           {"files", files}});
  folder.commit();
}

void Checkpoints::prune(const Progress& progress) {
  int newest = 0;
  for (const auto& [iteration, path] : all_in(folder_)) {
    const bool is_other = replaces_others_ && iteration != progress.iteration;
    const bool is_best = progress.best && progress.best->iteration == iteration;
    if (is_other || (++newest > keep_ && !is_best)) remove_checkpoint(path);
  }
  replaces_others_ = false;
}

}  // namespace graft::training
