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

/// The addresses for a file that goes in parts.
struct PartsPlan {
  uint64_t part_size = 0;
  std::string complete;            // to be told when all parts are there
  std::vector<std::string> parts;  // addresses, in order
};

/// Where the server wants a file sent; all empty if it has the file.
struct LfsPlan {
  std::string basic;                  // the address for the whole file
  std::optional<PartsPlan> parts;     // instead
  std::optional<std::string> verify;  // the address to ask afterwards
};

/// Reads an answer of a repository's Git LFS (git-lfs's `docs/api/batch.md`) about a file of `size`
/// bytes whose SHA-256 is `oid`. An address of the Hub itself becomes one of `endpoint`. `what`
/// names the file in errors. Throws Error for an answer that makes no sense, or an address that is
/// not safe.
LfsPlan read_lfs_plan(const json& answer, const std::string& oid, uint64_t size,
                      const std::string& endpoint, const std::string& what);

/// Asks the server how to upload a file. Throws ConnectionError, Error.
LfsPlan ask_lfs(const Http& http, const Repository& repository, const LocalFile& file,
                const std::string& oid, const Say& say);

inline constexpr const char* kLfsType = "application/vnd.git-lfs+json";

}  // namespace graft::hub
