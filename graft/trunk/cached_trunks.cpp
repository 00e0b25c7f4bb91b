#include "graft/trunk/cached_trunks.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/hub/hash.h"
#include "graft/io/json.h"
#include "graft/trunk/forward_version.h"
#include "graft/trunk/row_file.h"

namespace graft::trunk {
namespace {

constexpr size_t kDigits = 32;
constexpr const char* kRows = ".rows";

}  // namespace

std::string TrunkIdentity::text() const {
  json all = {{"contents", contents},
              {"layers", layers},
              {"width", width},
              {"dtype", dtype},
              {"bits", bits},
              {"instructions", instructions},
              {"forward", std::string(forward_version())}};
  if (!texts.empty()) all["texts"] = texts;
  return all.dump();
}

std::string TrunkIdentity::file_name() const {
  return hub::sha256(text()).substr(0, kDigits) + kRows;
}

fs::path trunk_folder(const hub::Environment& environment) { return environment.notes / "trunk"; }

void make_trunk_folder(const fs::path& folder) {
  std::error_code error;
  if (!folder.parent_path().empty()) fs::create_directories(folder.parent_path(), error);
  constexpr mode_t kOwnerOnly = 0700, kOthersWrite = 0022;
  if (::mkdir(folder.c_str(), kOwnerOnly) != 0 && errno != EEXIST) {
    fail("cannot make the folder {}: {}", folder.string(), std::strerror(errno));
  }
  struct stat facts {};
  if (::stat(folder.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) {
    fail("{} is no folder", folder.string());
  }
  if (facts.st_uid != ::geteuid() || (facts.st_mode & kOthersWrite) != 0) {
    fail("{} is another user's, or others may write to it (chmod go-w)", folder.string());
  }
}

std::vector<hub::CachedFiles> cached_trunks(const fs::path& folder) {
  return hub::cached_files(folder, {"trunk", kRows, "model", kRowFileBeginning});
}

void note_model(const fs::path& file, const std::string& model) {
  try {
    write_text(fs::path(file).replace_extension(".json"),
               json{{"model", model}}.dump(1, ' ', false, json::error_handler_t::replace));
  } catch (const Error&) {  // it is listed without
  }
}

void make_room(const fs::path& folder, const fs::path& kept, uint64_t more, uint64_t most) {
  std::vector<hub::CachedFiles> all = cached_trunks(folder);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.last_use < b.last_use; });
  uint64_t bytes = more;
  for (const hub::CachedFiles& one : all) bytes += one.bytes;
  for (const hub::CachedFiles& one : all) {
    if (bytes <= most) return;
    if (std::find(one.files.begin(), one.files.end(), kept) != one.files.end()) continue;
    hub::remove_cached(one);
    bytes -= std::min(bytes, one.bytes);
  }
}

}  // namespace graft::trunk
