#include "graft/lora/peft_names.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

namespace graft::lora {
namespace {

constexpr std::string_view kSwitch = ".switch_mlp.", kExperts = ".experts.";
constexpr std::string_view kMlp = ".mlp.", kMixtralBlock = ".block_sparse_moe";
constexpr std::pair<std::string_view, std::string_view> kMultimodal[] = {
    {"language_model.model.", "model.language_model."}, {"language_model.lm_head", "lm_head"}};
constexpr std::pair<std::string_view, std::string_view> kMixtralRoles[] = {
    {"w1", "gate_proj"}, {"w2", "down_proj"}, {"w3", "up_proj"}};

bool is_role(std::string_view text) {
  return text == "gate_proj" || text == "up_proj" || text == "down_proj";
}

}  // namespace

std::string peft_module(const std::string& path) {
  for (const auto& [ours, theirs] : kMultimodal) {
    if (path.starts_with(ours)) return std::string(theirs) + path.substr(ours.size());
  }
  return path;
}

std::string path_of_module(const std::string& module) {
  const auto& [ours, theirs] = kMultimodal[0];
  if (module.starts_with(theirs)) return std::string(ours) + module.substr(theirs.size());
  // As transformers 4 has it; a head without the prefix is the same in other models.
  const auto& [our_head, head] = kMultimodal[1];
  return module == our_head ? std::string(head) : module;
}

std::optional<ExpertLayer> expert_layer(const std::string& path) {
  const size_t at = path.rfind(kSwitch);
  if (at == std::string::npos) return {};
  ExpertLayer layer{path.substr(0, at), path.substr(at + kSwitch.size())};
  if (!is_role(layer.role)) return {};
  return layer;
}

std::optional<OneExpert> one_expert(const std::string& module) {
  const size_t at = module.rfind(kExperts);
  if (at == std::string::npos) return {};
  OneExpert one{{module.substr(0, at), ""}, -1};
  const char* begin = module.data() + at + kExperts.size();
  const char* end = module.data() + module.size();
  const auto [stop, error] = std::from_chars(begin, end, one.expert);
  if (error != std::errc() || one.expert < 0 || stop == end || *stop != '.') return {};
  one.layer.role = std::string(stop + 1, end);
  for (const auto& [theirs, ours] : kMixtralRoles) {
    if (one.layer.role == theirs) one.layer.role = ours;
  }
  if (!is_role(one.layer.role)) return {};
  return one;
}

std::optional<std::string> mixtral_path(const std::string& path) {
  const size_t at = path.find(kMlp);
  if (at == std::string::npos) return {};
  const std::string_view rest = std::string_view(path).substr(at + kMlp.size());
  if (rest != "gate" && !rest.starts_with(kSwitch.substr(1))) return {};
  return fmt::format("{}{}.{}", path.substr(0, at), kMixtralBlock, rest);
}

std::string experts_module(const std::string& block) {
  const bool mixtral = block.ends_with(kMixtralBlock);
  return (mixtral ? block.substr(0, block.size() - kMixtralBlock.size()) + ".mlp" : block) +
         ".experts";
}

}  // namespace graft::lora
