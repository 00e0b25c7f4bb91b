#pragma once

#include <filesystem>

namespace graft {

namespace fs = std::filesystem;

/// Whether `path` names the open file, and is no link: others may have removed or replaced it.
bool is_named(int descriptor, const fs::path& path);

/// The file or folder that an output path stands for: links are followed, also one to nothing.
/// Throws Error if they lead in a circle.
fs::path resolved_target(const fs::path& path);

/// Makes the rename in a folder last: written to the disk.
void sync_folder(const fs::path& folder);

}  // namespace graft
