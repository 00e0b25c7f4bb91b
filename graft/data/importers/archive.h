#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graft::data {

struct ArchiveLimits {
  size_t member_bytes = size_t{512} << 20;  // of one file, unpacked
  size_t total_bytes = size_t{1} << 30;     // of all files, unpacked, wanted or not
  size_t members = 10000;
};

/// The contents of the named files in a tar archive (plain or bzip2) held in memory. Nothing is
/// written to disk, and names in the archive are only compared with `names` (a leading "./" is
/// ignored). Throws Error, which calls the archive `origin`, if it is damaged, a name is missing or
/// comes twice, or a limit is exceeded.
std::map<std::string, std::string> read_archive(std::string_view bytes, const std::string& origin,
                                                const std::vector<std::string>& names,
                                                const ArchiveLimits& limits = {});

}  // namespace graft::data
