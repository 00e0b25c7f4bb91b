#include "graft/lora/gguf_order.h"

#include <mlx/ops.h>

#include <vector>

#include "graft/base/error.h"
#include "graft/io/gguf_row_order.h"

namespace graft::lora {
AdapterFile in_own_order(const AdapterFile& file, int head_dim) {
  if (file.in_gguf_order.empty()) return file;
  if (head_dim <= 0) {
    fail_usage("{}: GGUF orders the rows of q and k by the heads of the model: give its `model`",
               file.path.string());
  }
  AdapterFile own = file;
  own.in_gguf_order.clear();
  for (const std::string& layer : file.in_gguf_order) {
    const auto found = own.tensors.find(layer + ".lora_b");
    if (found == own.tensors.end()) continue;
    const AdapterTensor b = found->second;  // [R, out]
    const std::vector<int32_t> rows =
        io::stored_rows(b.shape.at(1), head_dim, file.path.string() + ": " + layer + ".lora_b");
    found->second = AdapterTensor(b.shape, [b, rows] {
      return mx::take(b.load(), mx::array(rows.begin(), {static_cast<int>(rows.size())}, mx::int32),
                      1);
    });
  }
  return own;
}

}  // namespace graft::lora
