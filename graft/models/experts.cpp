#include "graft/models/experts.h"

#include <fmt/format.h>
#include <mlx/ops.h>

#include "graft/ops/activation.h"
#include "graft/ops/routes.h"

namespace graft::models {

namespace {

// A token's rows are one for each of its experts.
Dropout routed(const Dropout& dropout, const ops::Routes& routes, int experts) {
  if (!dropout || !dropout->rows) return dropout;
  Dropout of_rows = dropout;
  const mx::array tokens = mx::take(*dropout->rows, routes.tokens, 0);
  of_rows->rows = mx::add(mx::multiply(tokens, mx::array(static_cast<uint32_t>(experts))),
                          mx::astype(routes.experts, mx::uint32));
  return of_rows;
}

}  // namespace

Experts::Experts(TensorSource& source, const std::string& path, const ExpertsConfig& c)
    : config_(c),
      router_(source.linear(path + ".gate", c.count, c.hidden_size, false)),
      gate_(source.experts(
          path + ".switch_mlp.gate_proj",
          [&](int e) { return fmt::format("{}.experts.{}.{}", path, e, c.gate); }, c.count,
          c.intermediate_size, c.hidden_size)),
      up_(source.experts(
          path + ".switch_mlp.up_proj",
          [&](int e) { return fmt::format("{}.experts.{}.{}", path, e, c.up); }, c.count,
          c.intermediate_size, c.hidden_size)),
      down_(source.experts(
          path + ".switch_mlp.down_proj",
          [&](int e) { return fmt::format("{}.experts.{}.{}", path, e, c.down); }, c.count,
          c.hidden_size, c.intermediate_size)) {}

mx::array Experts::operator()(const mx::array& x, const Dropout& dropout) const {
  const mx::array logits = mx::astype(nn::project(x, {&router_}, dropout)[0], mx::float32);
  const ops::Routes routes = ops::route(logits, config_.chosen);
  const mx::array rows = mx::take(x, routes.tokens, 0);  // [N*K, D]
  const Dropout of_rows = routed(dropout, routes, config_.count);
  const auto parts = nn::project(rows, routes.experts, {&gate_, &up_}, of_rows);
  const mx::array activated = ops::gated_activation(config_.activation, parts[0], parts[1]);
  const mx::array outputs = nn::project(activated, routes.experts, {&down_}, of_rows)[0];
  const mx::array by_slot = mx::reshape(mx::take(outputs, routes.places, 0),
                                        {x.shape(0), config_.chosen, config_.hidden_size});

  mx::array shares = mx::take_along_axis(mx::softmax(logits, -1), routes.choices, 1);
  if (config_.normalize) shares = mx::divide(shares, mx::sum(shares, -1, true));
  if (config_.rounds_shares) shares = mx::astype(mx::astype(shares, x.dtype()), mx::float32);
  const mx::array weighted =
      mx::multiply(mx::astype(by_slot, mx::float32), mx::expand_dims(shares, 2));
  return mx::astype(mx::sum(weighted, 1), x.dtype());
}

void Experts::add_to(std::vector<Part>& parts, int layer) {
  parts.push_back({layer, &router_});
  for (nn::ExpertLinear* linear : {&gate_, &up_, &down_}) parts.push_back({layer, linear});
}

}  // namespace graft::models
