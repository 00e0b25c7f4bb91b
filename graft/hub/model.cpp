#include "graft/hub/model.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/log.h"
#include "graft/hub/address.h"
#include "graft/hub/cache.h"
#include "graft/hub/download.h"
#include "graft/hub/http.h"
#include "graft/hub/refusal.h"
#include "graft/hub/several.h"
#include "graft/io/model_folder.h"

namespace graft::hub {
namespace {

constexpr size_t kFilesAtOnce = 4;
constexpr uint64_t kSmall = uint64_t{64} << 20;           // such files arrive several at once
constexpr uint64_t kMostOfCompanion = uint64_t{1} << 30;  // a tokenizer's, a config's size
constexpr uint64_t kSpare = uint64_t{64} << 20;           // that a download leaves on the disk

// A name that can be a file's here: no folder, nothing hidden, nothing that a terminal obeys.
bool is_plain(const std::string& name) {
  return !name.empty() && name.size() < 200 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return c > 32 && c < 127 && c != '/' && c != '\\'; });
}

// What a model needs beside its weights.
bool is_companion(const std::string& name) {
  for (const char* ending : {".json", ".jinja", ".model", ".tiktoken"}) {
    if (name.ends_with(ending)) return true;
  }
  return name == "merges.txt" || name == "vocab.txt" || name == "README.md";
}

// Bytes that a file takes; one with holes less than its length.
uint64_t on_disk(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * 512 : 0;
}

struct Listing {
  std::string commit;
  std::vector<RemoteFile> files;

  const RemoteFile* find(const std::string& name) const {
    const auto found = std::find_if(files.begin(), files.end(),
                                    [&](const RemoteFile& file) { return file.name == name; });
    return found == files.end() ? nullptr : &*found;
  }
};

// The answer of /api/models/{name}/revision/{revision}?blobs=true.
Listing read_listing(const std::string& body, const Environment& environment,
                     const Repository& repository) {
  const std::string what = fmt::format("the Hub's list of {}", repository.name);
  const json answer = parse_json(body, what);
  Listing listing;
  if (answer.is_object())
    listing.commit =
        answer.value("sha", json()).is_string() ? answer["sha"].get<std::string>() : "";
  if (!is_commit(listing.commit) || !answer.contains("siblings") ||
      !answer["siblings"].is_array()) {
    fail("{} has no commit or no files: is {} a Hub?", what, environment.endpoint);
  }
  for (const json& entry : answer["siblings"]) {
    if (!entry.is_object() || !entry.contains("rfilename") || !entry["rfilename"].is_string())
      continue;
    RemoteFile file;
    file.name = entry["rfilename"].get<std::string>();
    if (!is_plain(file.name)) continue;
    const json lfs = entry.value("lfs", json());
    const json& details = lfs.is_object() ? lfs : entry;
    const json etag = details.value(lfs.is_object() ? "sha256" : "blobId", json());
    const json size = details.value("size", json());
    if (!etag.is_string() || !size.is_number_unsigned()) continue;
    file.etag = etag.get<std::string>();
    file.size = size.get<uint64_t>();
    const bool hash = file.etag.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hash || file.etag.size() != (lfs.is_object() ? 64u : 40u)) {
      fail("{} gives {} a hash that is none", what, file.name);
    }
    file.url = fmt::format("{}/{}/resolve/{}/{}", environment.endpoint, repository.name,
                           listing.commit, escaped(file.name));
    listing.files.push_back(std::move(file));
  }
  return listing;
}

class ModelFetch {
 public:
  ModelFetch(const Environment& environment, const Repository& repository)
      : environment_(environment),
        repository_(repository),
        http_(environment),
        cache_(environment, repository) {}

  fs::path run() {
    const auto cached = cached_copy();
    if (cached && is_commit(repository_.revision)) return *cached;
    if (environment_.offline) {
      if (cached) return *cached;
      fail("{} is not in {}, or not all of it, and HF_HUB_OFFLINE is set", repository_.name,
           environment_.cache.string());
    }
    try {
      return download_all(list());
    } catch (const ConnectionError& error) {
      if (!cached) {
        fail("{}; what has arrived is kept: start again when the connection is back", error.what());
      }
      note("{}; using the copy of {} in the cache", error.what(), repository_.name);
      return *cached;
    }
  }

 private:
  std::optional<fs::path> cached_copy() const {
    const auto commit = cache_.commit_of(repository_.revision);
    if (!commit || !is_complete_model(cache_.snapshot(*commit))) return std::nullopt;
    return cache_.snapshot(*commit);
  }

  Listing list() const {
    Request request;
    request.url = fmt::format("{}/api/models/{}/revision/{}?blobs=true", environment_.endpoint,
                              repository_.name, escaped(repository_.revision));
    const Response response = http_.send(request);
    if (response.status == 429 || response.status / 100 == 5) {
      throw ConnectionError(
          fmt::format("{} answers HTTP status {}", environment_.endpoint, response.status));
    }
    if (response.status / 100 != 2) refuse(response, environment_, repository_);
    return read_listing(response.body, environment_, repository_);
  }

  fs::path download_all(const Listing& listing) {
    const bool sharded = listing.find(kWeightsIndex) != nullptr;
    if (listing.find("config.json") == nullptr ||
        (!sharded && listing.find(kWeightsFile) == nullptr)) {
      fail("{} has no config.json with {}: graft reads models of the Hub in safetensors only",
           repository_.name, kWeightsFile);
    }
    std::vector<RemoteFile> files;
    for (const RemoteFile& file : listing.files) {
      if (is_companion(file.name) && file.size <= kMostOfCompanion) files.push_back(file);
    }
    const fs::path snapshot = cache_.snapshot(listing.commit);
    if (sharded) {
      fetch(listing.commit, {*listing.find(kWeightsIndex)}, true);
      for (const std::string& shard : shards(snapshot / kWeightsIndex)) {
        const RemoteFile* file = listing.find(shard);
        if (file == nullptr)
          fail("{}: {} names {}, which is not there", repository_.name, kWeightsIndex, shard);
        files.push_back(*file);
      }
    } else {
      files.push_back(*listing.find(kWeightsFile));
    }
    fetch(listing.commit, files, false);
    cache_.remember(repository_.revision, listing.commit);
    return snapshot;
  }

  static std::set<std::string> shards(const fs::path& index) {
    std::set<std::string> files;
    for (const auto& [name, file] : read_weight_map(index)) files.insert(file);
    return files;
  }

  // Those that are missing, small ones together, large ones in parts one after the other.
  void fetch(const std::string& commit, const std::vector<RemoteFile>& files, bool quiet) {
    std::vector<const RemoteFile*> small, large;
    uint64_t bytes = 0, begun = 0;
    for (const RemoteFile& file : files) {
      if (is_there(cache_.blob(file.etag))) {
        cache_.link(commit, file.name, file.etag);
        continue;
      }
      bytes += file.size;
      begun += std::min(file.size, on_disk(cache_.blob(file.etag).string() + ".incomplete"));
      (file.size <= kSmall ? small : large).push_back(&file);
    }
    if (small.empty() && large.empty()) return;
    check_space(bytes - begun);
    const size_t count = small.size() + large.size();
    if (!quiet) {
      note("Downloading {} at {}: {} file{}, {}{}", repository_.name, commit.substr(0, 8), count,
           count == 1 ? "" : "s", size_text(bytes),
           begun > 0 ? fmt::format(", of which {} are there", size_text(begun)) : "");
    }
    Progress progress(bytes, quiet);
    const auto one = [&](const RemoteFile& file) {
      download(http_, repository_, cache_, file, progress);
      cache_.link(commit, file.name, file.etag);
    };
    several(small.size(), kFilesAtOnce, [&](size_t i) { one(*small[i]); });
    for (const RemoteFile* file : large) one(*file);
  }

  void check_space(uint64_t bytes) const {
    fs::path place = environment_.cache;
    std::error_code error;
    while (!is_there(place) && place.has_relative_path()) place = place.parent_path();
    const fs::space_info space = fs::space(place, error);
    if (!error && space.available < bytes + kSpare) {
      fail("{} needs {}, but {} has {} free; HF_HUB_CACHE names another place", repository_.name,
           size_text(bytes), place.string(), size_text(space.available));
    }
  }

  const Environment& environment_;
  const Repository& repository_;
  Http http_;
  CachedRepository cache_;
};

}  // namespace

fs::path fetch_model(const Environment& environment, const Repository& repository) {
  return ModelFetch(environment, repository).run();
}

}  // namespace graft::hub
