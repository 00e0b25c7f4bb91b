#include "graft/io/expert_jobs.h"

#include <fmt/format.h>
#include <mlx/ops.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace graft::io {
namespace {

struct Stack {
  std::string layer, projection;
};

// The stack of a name, with the projection as checkpoints call it.
std::optional<Stack> stack_of(const std::string& name) {
  constexpr std::string_view kStack = ".switch_mlp.", kWeight = ".weight",
                             kMixtral = ".block_sparse_moe";
  const size_t at = name.find(kStack);
  if (at == std::string::npos || !name.ends_with(kWeight)) return std::nullopt;
  const size_t begin = at + kStack.size();
  Stack stack{name.substr(0, at), name.substr(begin, name.size() - kWeight.size() - begin)};
  if (stack.layer.ends_with(kMixtral)) {
    for (const auto& [own, mixtral] :
         {std::pair("gate_proj", "w1"), {"down_proj", "w2"}, {"up_proj", "w3"}}) {
      if (stack.projection == own) return Stack{stack.layer, mixtral};
    }
  }
  return stack;
}

TensorJob one_by_one(TensorJob job, const Stack& stack) {
  const TensorDeclaration whole = job.outputs[0];
  job.outputs.clear();
  for (int expert = 0; expert < whole.shape[0]; ++expert) {
    job.outputs.push_back(
        {fmt::format("{}.experts.{}.{}.weight", stack.layer, expert, stack.projection),
         whole.dtype,
         {whole.shape[1], whole.shape[2]}});
  }
  job.make = [make = std::move(job.make), shape = whole.shape] {
    const mx::array all = make().at(0);
    std::vector<mx::array> experts;
    for (int expert = 0; expert < shape[0]; ++expert) {
      experts.push_back(
          mx::squeeze(mx::slice(all, {expert, 0, 0}, {expert + 1, shape[1], shape[2]}), 0));
    }
    return experts;
  };
  return job;
}

}  // namespace

std::vector<TensorJob> with_experts_one_by_one(std::vector<TensorJob> jobs) {
  for (TensorJob& job : jobs) {
    if (job.outputs.size() != 1 || job.outputs[0].shape.size() != 3) continue;
    if (const auto stack = stack_of(job.outputs[0].name)) job = one_by_one(std::move(job), *stack);
  }
  return jobs;
}

}  // namespace graft::io
