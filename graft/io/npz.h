#pragma once

#include <mlx/mlx.h>

#include <map>
#include <string>
#include <string_view>

#include "graft/base/files.h"

namespace graft::io {

namespace mx = mlx::core;

/// The arrays of a .npz file (a zip of .npy files), by key, and the zip's comment, which NumPy and
/// MLX ignore.
struct Npz {
  std::map<std::string, mx::array> arrays;
  std::string comment;
};

/// Reads a .npz file, as numpy.savez, numpy.savez_compressed, mlx.core.savez or save_npz write it.
/// Throws Error naming the file, and the array if one is at fault.
Npz load_npz(const fs::path& path);

/// The same from memory; `what` names the source in errors.
Npz parse_npz(std::string_view bytes, const std::string& what);

/// Reads only the comment, no array.
std::string load_npz_comment(const fs::path& path);

/// Writes a .npz file, uncompressed. The same arrays give the same bytes; bfloat16 is stored as
/// MLX does it. The earlier file stays whole if writing fails. Throws Error if the comment is
/// longer than a zip can hold (65535 bytes) or the file cannot be written.
void save_npz(const fs::path& path, const std::map<std::string, mx::array>& arrays,
              std::string_view comment = {});

}  // namespace graft::io
