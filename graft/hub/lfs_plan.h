#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/hub/http.h"
#include "graft/hub/local_file.h"
#include "graft/hub/repository.h"
#include "graft/io/json.h"

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

/// Reads an answer of a repository's Git LFS (git-lfs's `docs/api/batch.md`) about a file of `size`
/// bytes whose SHA-256 is `oid`. An address of the Hub itself becomes one of `endpoint`. `what`
/// names the file in errors. Throws Error for an answer that makes no sense, or an address that is
/// not safe.
LfsPlan read_lfs_plan(const json& answer, const std::string& oid, uint64_t size,
                      const std::string& endpoint, const std::string& what);

/// Asks what is to be done with a file. Throws ConnectionError, Error.
LfsPlan ask_lfs(const Http& http, const Repository& repository, const LocalFile& file,
                const std::string& oid, const Say& say);

inline constexpr const char* kLfsType = "application/vnd.git-lfs+json";

}  // namespace graft::hub
