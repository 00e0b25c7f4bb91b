#include "graft/hub/cached_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <system_error>

#include "graft/base/error.h"
#include "graft/base/temporary.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kDigits = 32, kShownDigits = 8;
constexpr const char* kNote = ".json";

bool is_stem(const std::string& stem) {
  return stem.size() == kDigits && stem.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool begins_with(const fs::path& file, const std::string& beginning) {
  if (beginning.empty()) return true;
  std::string found(beginning.size(), '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(found.data(), static_cast<std::streamsize>(found.size()));
  return stream && found == beginning;
}

std::string noted(const fs::path& note, const std::string& key) {
  constexpr size_t kMostBytes = size_t{64} << 20;
  try {
    return io::text_at(io::parse_json(read_text(note, kMostBytes), note.string()), key.c_str());
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

std::vector<CachedFiles> cached_files(const fs::path& folder, const CachedKind& kind) {
  std::vector<CachedFiles> all;
  if (!is_there(folder)) return all;
  sweep(folder);
  std::map<std::string, CachedFiles> by_stem;
  for (const std::string& name : files_below(folder)) {
    const fs::path path = folder / name;
    const std::string stem = path.stem().string(), extension = path.extension().string();
    struct stat facts {};
    const bool ours = path.parent_path() == folder && is_stem(stem) &&
                      (extension == kind.extension || extension == kNote) &&
                      ::lstat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) &&
                      begins_with(fs::path(path).replace_extension(kind.extension), kind.begins);
    if (!ours) continue;
    CachedFiles& its = by_stem[stem];
    its.name = kind.name + "/" + stem.substr(0, kShownDigits);
    its.bytes += static_cast<uint64_t>(facts.st_size);
    its.last_use = std::max(its.last_use, std::time_t{facts.st_mtime});
    its.files.push_back(path);
    if (extension == kNote) its.of = noted(path, kind.key);
  }
  for (auto& [stem, its] : by_stem) all.push_back(std::move(its));
  return all;
}

void remove_cached(const CachedFiles& files) {
  for (const fs::path& file : files.files) {
    std::error_code error;
    fs::remove(file, error);
    if (error) fail("cannot remove {}: {}", file.string(), error.message());
  }
}

}  // namespace graft::hub
