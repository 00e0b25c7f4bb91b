#pragma once

#include <mlx/array.h>

#include <cstdint>

namespace graft::ops::cpu {

namespace mx = mlx::core;

/// ops::dropout, whose elements below `threshold` are dropped and whose others are multiplied by
/// `scale`.
mx::array dropout(const mx::array& x, uint32_t threshold, float scale, uint64_t key,
                  const mx::array& rows);

}  // namespace graft::ops::cpu
