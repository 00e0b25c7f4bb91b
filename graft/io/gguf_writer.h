#pragma once

#include <mlx/mlx.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/io/gguf_keys.h"

namespace graft::io {

namespace mx = mlx::core;

/// Writes a GGUF file of version 3 (format:
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), whole or not at all: first all
/// metadata, then the tensors that there will be, then their bytes one after the other, so that no
/// more than one need be in memory.
class GgufWriter : public GgufKeys {
 public:
  explicit GgufWriter(const fs::path& path) : file_(path) {}

  /// A tensor that will be written; `shape` has the rows first. Throws Error if the type's blocks
  /// do not divide a row, and for more than four dimensions.
  void declare(const std::string& name, GgufTensorType type, const mx::Shape& shape);
  /// Bytes of the next tensor, in the order declared, all or the next of them. Throws Error if they
  /// cannot be written, std::logic_error if they are of another tensor or too many.
  void write(const std::string& name, std::string_view bytes);
  /// Puts the file in place; every declared tensor must have been written.
  void commit();
  /// Bytes of the file so far.
  size_t written() const { return file_.written(); }

 private:
  struct Tensor {
    std::string name;
    size_t bytes;
  };

  void write_header();
  void pad();

  AtomicFile file_;
  std::string infos_;
  uint64_t offset_ = 0;
  std::vector<Tensor> tensors_;
  size_t next_ = 0, done_ = 0;  // the tensor that is written, and how much of it is
  bool begun_ = false;
};

}  // namespace graft::io
