#pragma once

#include <mlx/mlx.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/files.h"

namespace graft::io {

namespace mx = mlx::core;

/// A .npz file (a zip of .npy files), as numpy.savez, numpy.savez_compressed, mlx.core.savez or
/// save_npz write it. Opening it reads what arrays there are; each is unpacked when it is asked
/// for: a few bytes can unpack to gigabytes.
class NpzFile {
 public:
  /// Throws Error naming the file, and the array if one is at fault.
  explicit NpzFile(const fs::path& path);
  /// The same from memory, which outlives the object; `what` names the source in errors.
  NpzFile(std::string_view bytes, const std::string& what);
  ~NpzFile();
  NpzFile(const NpzFile&) = delete;
  NpzFile& operator=(const NpzFile&) = delete;

  /// Sorted.
  std::vector<std::string> names() const;
  bool has(const std::string& name) const;
  /// Throws Error if there is no such array.
  const mx::Shape& shape(const std::string& name) const;
  mx::array load(const std::string& name) const;
  /// The zip's comment, which NumPy and MLX ignore.
  const std::string& comment() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// All arrays of a .npz file by name.
std::map<std::string, mx::array> load_npz(const fs::path& path);
std::map<std::string, mx::array> parse_npz(std::string_view bytes, const std::string& what);

/// Bytes of a zip's comment.
inline constexpr size_t kMaxComment = 65535;

/// Writes a .npz file, uncompressed. The same arrays give the same bytes; bfloat16 is stored as
/// MLX does it. The earlier file stays whole if writing fails. Throws Error if the comment is
/// longer than a zip can hold (kMaxComment) or the file cannot be written.
void save_npz(const fs::path& path, const std::map<std::string, mx::array>& arrays,
              std::string_view comment = {});

}  // namespace graft::io
