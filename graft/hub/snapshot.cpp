#include "graft/hub/snapshot.h"

#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/hub/for_each_concurrent.h"
#include "graft/hub/progress.h"

namespace graft::hub {
namespace {

constexpr size_t kDownloadsAtOnce = 4;
constexpr uint64_t kSmall = uint64_t{64} << 20;  // such files arrive several at once
constexpr uint64_t kSpare = uint64_t{64} << 20;  // that a download leaves on the disk

// Bytes that a file takes; one with holes less than its length.
uint64_t on_disk(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * 512 : 0;
}

}  // namespace

Snapshot::Snapshot(const Http& http, const Repository& repository, const CachedRepository& cache,
                   Listing listing)
    : http_(http), repository_(repository), cache_(cache), listing_(std::move(listing)) {}

void Snapshot::fetch(const std::vector<RemoteFile>& files, bool quiet) {
  FrontEnd& say = *http_.environment().front_end;
  std::vector<const RemoteFile*> small, large;
  uint64_t bytes = 0, begun = 0;
  for (const RemoteFile& file : files) {
    if (is_there(cache_.blob(file.etag))) {
      cache_.link(listing_.commit, file.name, file.etag);
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
    say.note("Downloading {} at {}: {} file{}, {}{}", repository_.name,
             listing_.commit.substr(0, 8), count, count == 1 ? "" : "s", size_text(bytes),
             begun > 0 ? fmt::format(", of which {} are there", size_text(begun)) : "");
  }
  Progress progress(say, bytes, quiet);
  const auto one = [&](const RemoteFile& file) {
    download(http_, repository_, cache_, file, progress);
    cache_.link(listing_.commit, file.name, file.etag);
  };
  for_each_concurrent(small.size(), kDownloadsAtOnce, [&](size_t i) { one(*small[i]); });
  for (const RemoteFile* file : large) one(*file);
}

void Snapshot::check_space(uint64_t bytes) const {
  fs::path place = http_.environment().cache;
  std::error_code error;
  while (!is_there(place) && place.has_relative_path()) place = place.parent_path();
  const fs::space_info space = fs::space(place, error);
  if (!error && space.available < bytes + kSpare) {
    fail("{} needs {}, but {} has {} free; HF_HUB_CACHE names another place", repository_.name,
         size_text(bytes), place.string(), size_text(space.available));
  }
}

fs::path fetch_snapshot(const Environment& environment, const Repository& repository,
                        const Wanted& wanted) {
  const Http http(environment);
  const CachedRepository cache(environment, repository);
  std::optional<fs::path> cached;
  if (const auto commit = cache.commit_of(repository.revision)) {
    if (wanted.is_whole(cache.snapshot(*commit))) cached = cache.snapshot(*commit);
  }
  std::vector<std::string> missing;
  if (cached && wanted.missing) missing = wanted.missing(*cached);
  if (cached && missing.empty() && is_commit(repository.revision)) return *cached;
  const auto warn_of_missing = [&] {
    if (missing.empty()) return;
    environment.front_end->warn(
        "the cache has {} without {}: what ends a text, or the chat template, may not be known",
        repository.name, fmt::join(missing, " and "));
  };
  if (environment.offline) {
    warn_of_missing();
    if (cached) return *cached;
    fail("{} is not in {}, or not all of it, and HF_HUB_OFFLINE is set", repository.name,
         environment.cache.string());
  }
  try {
    Snapshot snapshot(http, repository, cache, list_repository(http, repository));
    wanted.fetch(snapshot);
    for (const std::string& name : missing) {
      if (snapshot.listing().find(name) == nullptr) {
        cache.note_absent(snapshot.listing().commit, name);
      }
    }
    cache.remember(repository.revision, snapshot.listing().commit);
    return snapshot.path();
  } catch (const ConnectionError& error) {
    if (!cached) {
      fail("{}; what has arrived is kept: start again when the connection is back", error.what());
    }
    environment.front_end->note("{}; using the copy of {} in the cache", error.what(),
                                repository.name);
    warn_of_missing();
    return *cached;
  }
}

}  // namespace graft::hub
