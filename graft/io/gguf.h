#pragma once

#include <mlx/mlx.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/mapped_file.h"
#include "graft/io/gguf_metadata.h"
#include "graft/io/gguf_types.h"

namespace graft::io {

namespace mx = mlx::core;

/// A tensor in a GGUF file. `shape` has the rows first, as everywhere else (the file has it the
/// other way round); the last dimension is a multiple of the type's block.
struct GgufTensor {
  GgufTensorType type = GgufTensorType::f32;
  mx::Shape shape;
  size_t offset = 0;  // from the start of the file
  size_t bytes = 0;
};

/// The contents of a GGUF header; views in the metadata live as long as the bytes parsed.
struct GgufHeader {
  GgufMetadata metadata;
  std::map<std::string, GgufTensor> tensors;
};

/// Reads the header of a GGUF file of version 2 or 3 (format:
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) and checks it, so that no later
/// access can leave the file. `what` names it in errors. Throws Error, also for tensor types that
/// we do not read, by name.
GgufHeader parse_gguf(std::string_view bytes, const std::string& what);

/// A GGUF file, mapped read-only.
class GgufFile {
 public:
  explicit GgufFile(const fs::path& path);

  const GgufMetadata& metadata() const { return header_.metadata; }
  /// By name, sorted.
  const std::map<std::string, GgufTensor>& tensors() const { return header_.tensors; }
  bool has(const std::string& name) const { return header_.tensors.count(name) > 0; }
  /// Throws Error if there is no such tensor.
  const GgufTensor& tensor(const std::string& name) const;
  /// The stored bytes.
  std::string_view bytes(const GgufTensor& tensor) const;
  /// A view of a tensor that is stored as F32, F16 or BF16 (see mapped_array).
  mx::array load(const GgufTensor& tensor) const;
  const fs::path& path() const { return file_->path(); }
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  GgufHeader header_;
};

}  // namespace graft::io
