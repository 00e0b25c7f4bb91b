#pragma once

#include <string_view>

namespace graft::data {

/// What a glob's `*`, `?` and `[...]` stand for.
enum class GlobScope { within_folders, through_folders };

/// Whether a file's name matches a glob pattern as a whole: `*` is any text, `?` any byte, `[a-c]`
/// one of these, `[!a-c]` one of the others; a backslash takes the next byte as it is. A `[`
/// without its end is itself. Takes at most as many steps as the product of both lengths, whatever
/// the pattern is.
bool matches_glob(std::string_view pattern, std::string_view name, GlobScope scope);

}  // namespace graft::data
