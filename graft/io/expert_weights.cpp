#include "graft/io/expert_weights.h"

#include <charconv>
#include <map>
#include <optional>

#include "graft/base/error.h"
#include "graft/io/quantized_layer.h"

namespace graft::io {
namespace {

struct Part {
  std::string layer, projection;
  size_t expert;
};

// mlx-lm's name of an expert's layer; Mixtral's checkpoints have names of their own.
std::optional<std::string> projection_of(std::string_view name) {
  if (name == "w1") return "gate_proj";
  if (name == "w2") return "down_proj";
  if (name == "w3") return "up_proj";
  if (name == "gate_proj" || name == "up_proj" || name == "down_proj") return std::string(name);
  return std::nullopt;
}

// "<layer>.experts.<n>.<projection>.weight".
std::optional<Part> part_of(std::string_view name) {
  constexpr std::string_view kExperts = ".experts.", kWeight = ".weight";
  const size_t at = name.find(kExperts);
  if (at == std::string_view::npos || !name.ends_with(kWeight)) return std::nullopt;
  std::string_view rest = name.substr(at + kExperts.size());
  rest.remove_suffix(kWeight.size());
  size_t expert = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), expert);
  if (error != std::errc() || end == rest.data() + rest.size() || *end != '.') return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
  const auto projection = projection_of(rest);
  if (!projection) return std::nullopt;
  return Part{std::string(name.substr(0, at)), *projection, expert};
}

}  // namespace

std::vector<ExpertWeights> expert_weights(const ModelFolder& model, StoredAs stored) {
  const bool quantized = stored == StoredAs::quantized;
  std::map<std::string, std::map<size_t, std::string>> found;
  for (const std::string& name : model.names()) {
    const auto part = part_of(name);
    if (part && is_quantized_layer(model, name.substr(0, name.rfind('.'))) == quantized) {
      found[part->layer + ".switch_mlp." + part->projection + ".weight"][part->expert] = name;
    }
  }
  std::vector<ExpertWeights> all;
  for (const auto& [name, experts] : found) {
    ExpertWeights weights{name, {}};
    const TensorInfo& first = model.info(experts.begin()->second);
    for (const auto& [expert, own] : experts) {
      if (expert != weights.parts.size()) {
        fail("{}: {} is there, but not that of expert {}", model.path().string(), own,
             weights.parts.size());
      }
      const TensorInfo& info = model.info(own);
      if (info.shape.size() != 2 || info.shape != first.shape || info.dtype != first.dtype) {
        fail("{}: tensor {} is {} {}, but that of expert 0 is {} {}", model.path().string(), own,
             dtype_name(info.dtype), shape_text(info.shape), dtype_name(first.dtype),
             shape_text(first.shape));
      }
      weights.parts.push_back(own);
    }
    all.push_back(std::move(weights));
  }
  return all;
}

}  // namespace graft::io
