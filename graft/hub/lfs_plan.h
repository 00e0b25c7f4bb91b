#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/hub/http.h"
#include "graft/hub/local_file.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// Where a file goes in parts, and who is told at the end.
struct PartsPlan {
  uint64_t part_size = 0;
  std::string complete;            // address
  std::vector<std::string> parts;  // addresses, in order
};

/// What the server wants of a file: nothing of all this if it has it.
struct LfsPlan {
  std::string basic;                  // the address that the whole goes to
  std::optional<PartsPlan> parts;     // instead
  std::optional<std::string> verify;  // the address that is asked afterwards
};

/// Asks a repository's Git LFS what is to be done with a file whose SHA-256 is `oid` (git-lfs's
/// `docs/api/batch.md`). Throws ConnectionError, Error for an answer that makes no sense.
LfsPlan ask_lfs(const Http& http, const Repository& repository, const LocalFile& file,
                const std::string& oid);

inline constexpr const char* kLfsType = "application/vnd.git-lfs+json";

}  // namespace graft::hub
