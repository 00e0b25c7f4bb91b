#pragma once

#include <map>
#include <optional>
#include <string>

#include "graft/io/model_folder.h"
#include "graft/models/language_model_names.h"

namespace graft::models {

/// How many inputs the matrices of a model have, as its config says it: what the words of a
/// quantized one do not tell.
class MatrixWidths {
 public:
  /// Empty for a family that graft has not, and for a config that says too little.
  explicit MatrixWidths(const io::ModelFolder& folder);

  /// Of a matrix by the checkpoint's path; of experts each by itself, or all as mlx-lm has them.
  std::optional<int> of(const std::string& path) const;

 private:
  std::map<std::string, int> widths_;
};

}  // namespace graft::models
