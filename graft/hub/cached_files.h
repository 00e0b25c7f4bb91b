#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "graft/base/files.h"

namespace graft::hub {

/// Something that graft keeps beside the Hub's cache to be quicker next time: a file whose name is
/// 32 hexadecimal digits, and a note with the ending ".json" of what it is of.
struct CachedFiles {
  std::string name;  // the kind, a slash, and the first digits of its file's
  std::string of;    // what it is of; empty: not known, as its note is missing
  uint64_t bytes = 0;
  std::time_t last_use = 0;
  std::vector<fs::path> files = {};
};

/// What there is of a kind: what its files' names end in, what the note calls what it is of, and
/// what a file begins with. A file that does not is not ours, nor is a note without its file where
/// there is such a beginning: the folder may be somebody's own.
struct CachedKind {
  std::string name, extension, key;
  std::string begins = {};
};

/// All of a kind in a folder, sorted by name; what processes that died have left is removed.
std::vector<CachedFiles> cached_files(const fs::path& folder, const CachedKind& kind);

/// Throws Error if it cannot be removed.
void remove_cached(const CachedFiles& files);

}  // namespace graft::hub
