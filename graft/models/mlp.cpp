#include "graft/models/mlp.h"

#include "graft/ops/activation.h"
#include "graft/ops/columns.h"

namespace graft::models {
namespace {

std::vector<nn::Linear> take_inputs(TensorSource& source, const std::string& path,
                                    const MlpConfig& c) {
  const auto take = [&](const std::string& name, int out) {
    return source.linear(path + "." + name, out, c.hidden_size, c.bias);
  };
  switch (c.form) {
    case MlpConfig::Form::gated:
      return {take("gate_proj", c.intermediate_size), take(c.up, c.intermediate_size)};
    case MlpConfig::Form::fused_gated:
      return {take("gate_up_proj", 2 * c.intermediate_size)};
    default:
      return {take(c.up, c.intermediate_size)};
  }
}

}  // namespace

Mlp::Mlp(TensorSource& source, const std::string& path, const MlpConfig& config)
    : config_(config),
      inputs_(take_inputs(source, path, config)),
      output_(source.linear(path + "." + config.down, config.hidden_size, config.intermediate_size,
                            config.bias)) {}

mx::array Mlp::activated(const mx::array& x, const Dropout& dropout) const {
  if (config_.form == MlpConfig::Form::gated) {
    const auto parts = nn::project(x, {&inputs_[0], &inputs_[1]}, dropout);
    return ops::gated_activation(config_.activation, parts[0], parts[1]);
  }
  const mx::array whole = nn::project(x, {&inputs_[0]}, dropout)[0];
  if (config_.form == MlpConfig::Form::plain) return ops::activation(config_.activation, whole);
  const auto parts =
      ops::split_columns(whole, {config_.intermediate_size, config_.intermediate_size});
  return ops::gated_activation(config_.activation, parts[0], parts[1]);
}

mx::array Mlp::operator()(const mx::array& x, const Dropout& dropout) const {
  return nn::project(activated(x, dropout), {&output_}, dropout)[0];
}

void Mlp::add_to(std::vector<Part>& parts, int layer) {
  for (nn::Linear& input : inputs_) parts.push_back({layer, &input});
  parts.push_back({layer, &output_});
}

}  // namespace graft::models
