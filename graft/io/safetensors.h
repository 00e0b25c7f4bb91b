#pragma once

#include <mlx/mlx.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/base/mapped_file.h"
#include "graft/io/tensor_info.h"

namespace graft::io {

/// A safetensors file, mapped read-only (format: https://huggingface.co/docs/safetensors). All of
/// the header is checked when it is opened, so that no later access can leave the file.
class SafetensorsFile {
 public:
  /// Throws Error naming the file, and the tensor if one is at fault, for anything that the format
  /// does not allow or that MLX cannot hold.
  explicit SafetensorsFile(const fs::path& path);

  /// Sorted.
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  /// Throws Error if there is no such tensor.
  const TensorInfo& info(const std::string& name) const;
  /// A view of the mapped bytes (see mapped_array). Throws Error if there is no such tensor.
  mx::array load(const std::string& name) const { return load(info(name)); }
  /// The same of a part of a tensor.
  mx::array load(const TensorInfo& part) const;
  /// Drops a tensor's pages from memory until they are read again.
  void release(const TensorInfo& part) const;
  /// Has the system begin to read them.
  void prefetch(const TensorInfo& part) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const fs::path& path() const { return file_->path(); }
  /// Whether the path still names the file that was opened.
  bool is_at_its_path() const { return file_->is_at_its_path(); }

 private:
  void parse_header();

  std::shared_ptr<const MappedFile> file_;
  std::vector<std::string> names_;
  std::map<std::string, TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written, declared in advance.
struct TensorDeclaration {
  std::string name;
  mx::Dtype dtype = mx::float32;
  mx::Shape shape;

  size_t bytes() const { return checked_bytes(shape, dtype).value(); }
};

/// Writes a safetensors file one tensor at a time, so that no more than one need be in memory. The
/// layout is declared first; the same declarations and values give the same bytes.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const fs::path& path, std::vector<TensorDeclaration> tensors,
                    const std::map<std::string, std::string>& metadata);

  /// The next tensor, in the order declared. Throws std::logic_error if it is not what was
  /// declared, Error if it cannot be written.
  void write(const std::string& name, mx::array value);
  /// Puts the file in place; every declared tensor must have been written.
  void commit();
  /// Bytes of the file so far.
  size_t written() const { return file_.written(); }

 private:
  AtomicFile file_;
  std::vector<TensorDeclaration> tensors_;
  size_t next_ = 0;
};

/// Writes all at once, sorted by item size (the largest first, so that each tensor is aligned) and
/// name. The earlier file stays whole if writing fails.
void save_safetensors(const fs::path& path, const std::map<std::string, mx::array>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace graft::io
