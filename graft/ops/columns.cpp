#include "graft/ops/columns.h"

#include <mlx/ops.h>

namespace graft::ops {

std::vector<mx::array> split_columns(const mx::array& x, const std::vector<int>& widths) {
  std::vector<mx::array> parts;
  int begin = 0;
  for (int width : widths) {
    parts.push_back(mx::contiguous(mx::slice(x, {0, begin}, {x.shape(0), begin + width})));
    begin += width;
  }
  return parts;
}

}  // namespace graft::ops
