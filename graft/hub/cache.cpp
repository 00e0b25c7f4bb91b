#include "graft/hub/cache.h"

#include <unistd.h>

#include <algorithm>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/io/model_folder.h"

namespace graft::hub {
namespace {

// Beside config, weights and tokenizer.
constexpr const char* kSideFiles[] = {"tokenizer_config.json", "generation_config.json"};

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("cannot make the folder {}: {}", path.string(), error.message());
}

}  // namespace

CachedRepository::CachedRepository(const Environment& environment, const Repository& repository)
    : folder_(environment.cache / repository.folder_name()),
      locks_(environment.cache / ".locks" / repository.folder_name()) {}

fs::path CachedRepository::lock(const std::string& etag) const {
  make_folder(locks_);
  make_folder(folder_ / "blobs");
  return locks_ / (etag + ".lock");
}

std::optional<std::string> CachedRepository::commit_of(const std::string& revision) const {
  if (is_commit(revision)) return revision;
  const fs::path ref = folder_ / "refs" / revision;
  if (!is_file(ref)) return std::nullopt;
  std::string commit = read_text(ref, 4096);
  while (!commit.empty() && commit.back() == '\n') commit.pop_back();
  if (!is_commit(commit)) return std::nullopt;
  return commit;
}

void CachedRepository::remember(const std::string& revision, const std::string& commit) const {
  if (revision == commit || commit_of(revision) == commit) return;
  const fs::path ref = folder_ / "refs" / revision;
  make_folder(ref.parent_path());
  write_text(ref, commit);
}

void CachedRepository::link(const std::string& commit, const std::string& file,
                            const std::string& etag) const {
  const fs::path path = snapshot(commit) / file;
  fs::path target = fs::path("blobs") / etag;
  for (auto depth = std::count(file.begin(), file.end(), '/') + 2; depth > 0; --depth) {
    target = ".." / target;
  }
  std::error_code error;
  if (fs::read_symlink(path, error) == target) return;
  make_folder(path.parent_path());
  const fs::path temporary =
      path.parent_path() / fmt::format(".{}.{}", path.filename().string(), ::getpid());
  fs::remove(temporary, error);
  fs::create_symlink(target, temporary, error);
  if (!error) fs::rename(temporary, path, error);
  if (error) fail("cannot link {}: {}", path.string(), error.message());
}

std::optional<io::Origin> origin_of_snapshot(const fs::path& folder) {
  if (folder.empty()) return std::nullopt;
  const fs::path path = absolute_path(folder / "").lexically_normal().parent_path();
  const std::string commit = path.filename().string();
  const auto repository =
      Repository::of_folder(path.parent_path().parent_path().filename().string());
  if (path.parent_path().filename() != "snapshots" || !is_commit(commit) || !repository ||
      repository->kind != RepositoryKind::model) {
    return std::nullopt;
  }
  return io::Origin{repository->name, commit};
}

void CachedRepository::note_absent(const std::string& commit, const std::string& file) const {
  const fs::path note = folder_ / ".no_exist" / commit / file;
  if (is_there(note)) return;
  make_folder(note.parent_path());
  write_text(note, "");
}

std::vector<std::string> missing_side_files(const fs::path& snapshot) {
  const fs::path absent = snapshot.parent_path().parent_path() / ".no_exist" / snapshot.filename();
  std::vector<std::string> missing;
  for (const char* name : kSideFiles) {
    if (!is_there(snapshot / name) && !is_there(absent / name)) missing.push_back(name);
  }
  return missing;
}

bool is_usable_model(const fs::path& snapshot) {
  return is_complete_model(snapshot) && has_tokenizer(snapshot);
}

bool has_tokenizer(const fs::path& snapshot) {
  for (const char* name : {"tokenizer.json", "tokenizer.model", "tekken.json"}) {
    if (is_there(snapshot / name)) return true;
  }
  if (is_there(snapshot / "vocab.json") && is_there(snapshot / "merges.txt")) return true;
  const std::vector<fs::path> entries = entries_of(snapshot);
  return std::any_of(entries.begin(), entries.end(),
                     [](const fs::path& path) { return path.extension() == ".tiktoken"; });
}

bool is_complete_model(const fs::path& folder) {
  if (!is_there(folder / "config.json")) return false;
  if (is_there(folder / io::kWeightsFile)) return true;  // whatever an index says
  const fs::path index = folder / io::kWeightsIndex;
  if (!is_there(index)) return false;
  for (const auto& [name, file] : io::read_weight_map(index)) {
    if (!is_there(folder / file)) return false;
  }
  return true;
}

}  // namespace graft::hub
