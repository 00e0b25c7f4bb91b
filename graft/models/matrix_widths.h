#pragma once

#include <map>
#include <optional>
#include <string>

#include "graft/io/model_folder.h"

namespace graft::models {

/// How many inputs the matrices of a model have, as its config says it: what the words of a
/// quantized one do not tell.
class MatrixWidths {
 public:
  /// `folder` must outlive it.
  explicit MatrixWidths(const io::ModelFolder& folder) : folder_(folder) {}

  /// Of a matrix by the checkpoint's path; of experts each by itself, or all as mlx-lm has them.
  /// Nothing for a family that graft has not. Once one is asked for, the model is made; throws
  /// Error as load_model does where its config says too little, or what graft has not.
  std::optional<int> of(const std::string& path);

 private:
  const io::ModelFolder& folder_;
  std::optional<std::map<std::string, int>> widths_;  // once one was asked for
};

}  // namespace graft::models
