#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace graft {

namespace fs = std::filesystem;

/// What bytes are that were taken for something else, and what to do, for the end of a message:
/// ": it is in UTF-16 (...)". Empty if they are nothing known.
std::string what_it_is(std::string_view bytes);

/// Throws Error if a file holds what `git clone` leaves in its place without Git LFS.
void refuse_lfs_pointer(std::string_view bytes, const fs::path& path);

}  // namespace graft
