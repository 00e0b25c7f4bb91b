#include "graft/hub/cached_repositories.h"

#include <sys/stat.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/hub/repository.h"

namespace graft::hub {
namespace {

// What can be read of a folder.
std::vector<fs::path> entries(const fs::path& folder) {
  std::error_code ignored;
  return entries_of(folder, ignored);
}

void add_blobs(CachedSummary& summary) {
  for (const fs::path& path : entries(summary.folder / "blobs")) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (path.filename().string().find(".incomplete") == std::string::npos) {
      summary.bytes += static_cast<uint64_t>(status.st_size);
      summary.last_use = std::max(summary.last_use, status.st_atime);
    } else {
      summary.unfinished += static_cast<uint64_t>(status.st_blocks) * 512;
    }
  }
}

// Branches have names with slashes: "refs/pr/1" is a file three levels down.
void add_revisions(CachedSummary& summary) {
  for (const fs::path& path : entries(summary.folder / "snapshots")) {
    if (is_commit(path.filename().string())) {
      summary.revisions.push_back({path.filename().string(), {}});
    }
  }
  const fs::path refs = summary.folder / "refs";
  std::error_code error;
  for (fs::recursive_directory_iterator at(refs, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored) || at->file_size(ignored) > 100) continue;
    const std::string commit = read_text(at->path(), 100);
    for (CachedSummary::Revision& revision : summary.revisions) {
      if (commit.starts_with(revision.commit)) {
        revision.refs.push_back(at->path().lexically_relative(refs).string());
        std::sort(revision.refs.begin(), revision.refs.end());
      }
    }
  }
}

}  // namespace

std::vector<CachedSummary> cached_repositories(const Environment& environment) {
  std::vector<CachedSummary> all;
  for (const fs::path& path : entries(environment.cache)) {
    std::error_code ignored;
    const auto repository = Repository::of_folder(path.filename().string());
    CachedSummary summary;
    summary.folder = path;
    // A link would lead out of the cache.
    if (!repository || fs::is_symlink(path, ignored) || !fs::is_directory(path, ignored)) {
      continue;
    }
    summary.name = repository->page_path();
    add_blobs(summary);
    add_revisions(summary);
    all.push_back(std::move(summary));
  }
  return all;
}

void remove_cached(const Environment& environment, const CachedSummary& repository) {
  std::error_code error;
  fs::remove_all(repository.folder, error);
  if (error) fail("cannot remove {}: {}", repository.folder.string(), error.message());
  fs::remove_all(environment.cache / ".locks" / repository.folder.filename(), error);
}

}  // namespace graft::hub
