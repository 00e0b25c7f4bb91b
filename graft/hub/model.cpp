#include "graft/hub/model.h"

#include <set>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/hub/cache.h"
#include "graft/hub/snapshot.h"
#include "graft/io/model_folder.h"

namespace graft::hub {
namespace {

constexpr uint64_t kMostOfCompanion = uint64_t{1} << 30;  // a tokenizer's, a config's size

// What a model needs beside its weights: at the top of its repository.
bool is_companion(const std::string& name) {
  if (name.find('/') != std::string::npos) return false;
  for (const char* ending : {".json", ".jinja", ".model", ".tiktoken"}) {
    if (name.ends_with(ending)) return true;
  }
  return name == "merges.txt" || name == "vocab.txt" || name == "README.md";
}

std::vector<RemoteFile> companions_of(const Listing& listing) {
  std::vector<RemoteFile> files;
  for (const RemoteFile& file : listing.files) {
    if (is_companion(file.name) && file.size <= kMostOfCompanion) files.push_back(file);
  }
  return files;
}

void fetch_companions(Snapshot& snapshot, const std::string& name) {
  if (snapshot.listing().find("config.json") == nullptr) fail("{} has no config.json", name);
  snapshot.fetch(companions_of(snapshot.listing()));
}

bool has_config(const fs::path& snapshot) {
  return is_there(snapshot / "config.json") && has_tokenizer(snapshot);
}

void fetch_files(Snapshot& snapshot, const std::string& name) {
  const Listing& listing = snapshot.listing();
  const bool sharded = listing.find(io::kWeightsIndex) != nullptr;
  if (listing.find("config.json") == nullptr ||
      (!sharded && listing.find(io::kWeightsFile) == nullptr)) {
    fail("{} has no config.json with {}: graft reads models of the Hub in safetensors only", name,
         io::kWeightsFile);
  }
  std::vector<RemoteFile> files = companions_of(listing);
  if (!sharded) {
    files.push_back(*listing.find(io::kWeightsFile));
    return snapshot.fetch(files);
  }
  snapshot.fetch({*listing.find(io::kWeightsIndex)}, true);
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : io::read_weight_map(snapshot.path() / io::kWeightsIndex)) {
    shards.insert(shard);
  }
  for (const std::string& shard : shards) {
    const RemoteFile* file = listing.find(shard);
    if (file == nullptr)
      fail("{}: {} names {}, which is not there", name, io::kWeightsIndex, shard);
    files.push_back(*file);
  }
  snapshot.fetch(files);
}

}  // namespace

fs::path fetch_model(const Environment& environment, const Repository& repository) {
  return fetch_snapshot(environment, repository,
                        {[&](Snapshot& snapshot) { fetch_files(snapshot, repository.name); },
                         is_usable_model, missing_side_files});
}

fs::path fetch_model_config(const Environment& environment, const Repository& repository) {
  return fetch_snapshot(environment, repository,
                        {[&](Snapshot& snapshot) { fetch_companions(snapshot, repository.name); },
                         has_config, missing_side_files});
}

}  // namespace graft::hub
