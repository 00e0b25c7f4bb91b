#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <span>
#include <vector>

#include "graft/models/model.h"

namespace graft::trunk {

namespace mx = mlx::core;

/// Texts one after the other, as a model takes them.
class JoinedTexts {
 public:
  void add(std::span<const int32_t> text);

  /// Their ids, int32 [N].
  mx::array array() const;
  models::Context context(const models::Model& model) const { return model.context(sequences_); }

 private:
  std::vector<int32_t> ids_;
  std::vector<Sequence> sequences_;
};

}  // namespace graft::trunk
