#include "graft/io/fused_experts.h"

#include <fmt/format.h>

#include <string_view>

namespace graft::io {
namespace {

constexpr std::string_view kMlp = ".mlp.", kGateUp = ".mlp.experts.gate_up_proj",
                           kDown = ".mlp.experts.down_proj", kRouter = ".mlp.gate.weight";

constexpr int kMostExperts = 4096;

// How a family's checkpoints have named what lies in a layer.
struct Names {
  std::string_view block, gate, up, down;
};
constexpr Names kMixtral{"block_sparse_moe", "w1", "w3", "w2"};
constexpr Names kOthers{"mlp", "gate_proj", "up_proj", "down_proj"};

// Rows [begin, begin + rows) of matrix `index` of a stack.
TensorInfo part_of(const TensorInfo& stack, int index, int begin, int rows) {
  const size_t row =
      stack.bytes / static_cast<size_t>(stack.shape[0]) / static_cast<size_t>(stack.shape[1]);
  const size_t first =
      static_cast<size_t>(index) * static_cast<size_t>(stack.shape[1]) + static_cast<size_t>(begin);
  return {.dtype = stack.dtype,
          .shape = {rows, stack.shape[2]},
          .offset = stack.offset + first * row,
          .bytes = static_cast<size_t>(rows) * row};
}

}  // namespace

std::vector<std::pair<std::string, TensorInfo>> experts_of_transformers_5(
    const std::string& name, const TensorInfo& tensor, const std::string& model_type) {
  const bool mixtral = model_type == "mixtral";
  const Names& names = mixtral ? kMixtral : kOthers;
  if (mixtral && name.ends_with(kRouter)) {
    return {
        {name.substr(0, name.size() - kRouter.size()) + ".block_sparse_moe.gate.weight", tensor}};
  }
  const bool gate_up = name.ends_with(kGateUp), down = name.ends_with(kDown);
  if ((!gate_up && !down) || tensor.shape.size() != 3 || tensor.bytes == 0) return {};
  if (tensor.shape[0] > kMostExperts) return {};
  if (gate_up && tensor.shape[1] % 2 != 0) return {};
  const std::string layer = name.substr(0, name.rfind(kMlp));
  std::vector<std::pair<std::string, TensorInfo>> experts;
  for (int e = 0; e < tensor.shape[0]; ++e) {
    const auto add = [&](std::string_view projection, int begin, int rows) {
      experts.emplace_back(
          fmt::format("{}.{}.experts.{}.{}.weight", layer, names.block, e, projection),
          part_of(tensor, e, begin, rows));
    };
    if (down) {
      add(names.down, 0, tensor.shape[1]);
    } else {
      add(names.gate, 0, tensor.shape[1] / 2);
      add(names.up, tensor.shape[1] / 2, tensor.shape[1] / 2);
    }
  }
  return experts;
}

}  // namespace graft::io
