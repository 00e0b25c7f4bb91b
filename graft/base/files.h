#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace graft {

namespace fs = std::filesystem;

/// What a path names at a moment; after a rename it may be something else. 0 for nothing.
struct FileIdentity {
  uint64_t device = 0, number = 0;

  static FileIdentity of(const fs::path& path);
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// Whether the path exists; false if that cannot be determined.
bool is_there(const fs::path& path);

/// Whether the path is a folder, or a file; false if that cannot be determined.
bool is_folder(const fs::path& path);
bool is_file(const fs::path& path);

/// The path from the root on. Throws Error if the working folder is gone.
fs::path absolute_path(const fs::path& path);

/// What is in a folder, hidden or not, sorted. Empty if the folder does not exist. Throws Error if
/// it cannot be read.
std::vector<fs::path> entries_of(const fs::path& folder);
/// The same, for who goes on with what could be read.
std::vector<fs::path> entries_of(const fs::path& folder, std::error_code& error);

/// The files in a folder and its subfolders, as sorted relative paths separated by '/'. Hidden
/// files and folders are left out. A link to a file counts as a file, a link to a folder is
/// skipped. Empty if the folder does not exist. Throws Error if it cannot be read.
std::vector<std::string> files_below(const fs::path& folder);

/// The whole of a small text file. Throws Error if it cannot be read or is larger than `limit`
/// bytes.
std::string read_text(const fs::path& path, size_t limit = size_t{256} << 20);

/// A normal path, where "out/" and "out" are the same.
fs::path without_trailing_slash(const fs::path& path);

/// Whether `inner` is `outer` or lies below it, links resolved; either may be missing.
bool lies_within(const fs::path& inner, const fs::path& outer);

}  // namespace graft
