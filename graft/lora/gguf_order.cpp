#include "graft/lora/gguf_order.h"

#include <mlx/ops.h>

#include <vector>

#include "graft/base/error.h"
#include "graft/io/gguf_row_order.h"

namespace graft::lora {
namespace {

void check_heads(int rows, int head_dim, const std::string& what) {
  if (head_dim <= 0 || head_dim % 2 != 0 || rows % head_dim != 0) {
    fail("{} has {} outputs, which are no heads of {}: the adapter is of another model", what, rows,
         head_dim);
  }
}

// For each row of a checkpoint, that of the file.
std::vector<int32_t> stored_rows(int rows, int head_dim) {
  const io::RowOrder order{head_dim};
  std::vector<int32_t> stored(static_cast<size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    stored[static_cast<size_t>(row)] = static_cast<int32_t>(order.stored(row));
  }
  return stored;
}

mx::array indices(const std::vector<int32_t>& rows) {
  return mx::array(rows.begin(), {static_cast<int>(rows.size())}, mx::int32);
}

}  // namespace

mx::array in_order_of_gguf(const mx::array& rows, int head_dim, const std::string& what) {
  check_heads(rows.shape(0), head_dim, what);
  const std::vector<int32_t> stored = stored_rows(rows.shape(0), head_dim);
  std::vector<int32_t> own(stored.size());
  for (size_t row = 0; row < stored.size(); ++row) {
    own[static_cast<size_t>(stored[row])] = static_cast<int32_t>(row);
  }
  return mx::take(rows, indices(own), 0);
}

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
    check_heads(b.shape.at(1), head_dim, file.path.string() + ": " + layer + ".lora_b");
    found->second = AdapterTensor(b.shape, [b, head_dim] {
      return mx::take(b.load(), indices(stored_rows(b.shape.at(1), head_dim)), 1);
    });
  }
  return own;
}

}  // namespace graft::lora
