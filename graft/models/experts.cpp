#include "graft/models/experts.h"

#include <mlx/ops.h>

#include <algorithm>
#include <numeric>

#include "graft/base/error.h"
#include "graft/ops/activation.h"

namespace graft::models {
namespace {

// Which experts the tokens go to. Slot t * K + k is the k-th choice of token t.
struct Routes {
  std::vector<int32_t> experts;  // [N*K] by slot: the expert
  std::vector<int32_t> slots;    // [N*K] slots in the order of their experts
  std::vector<int32_t> begin;    // [E + 1] where in `slots` an expert's begin
};

// The K largest of each row; of equal ones the first.
Routes choose(const mx::array& logits, int chosen) {
  const int tokens = logits.shape(0), count = logits.shape(1);
  const float* values = logits.data<float>();
  Routes routes;
  std::vector<int32_t> order(static_cast<size_t>(count));
  routes.begin.assign(static_cast<size_t>(count) + 1, 0);
  for (int t = 0; t < tokens; ++t) {
    const float* row = values + static_cast<size_t>(t) * static_cast<size_t>(count);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(
        order.begin(), order.begin() + chosen, order.end(),
        [&](int32_t a, int32_t b) { return row[a] > row[b] || (row[a] == row[b] && a < b); });
    for (int k = 0; k < chosen; ++k) {
      const int32_t expert = order[static_cast<size_t>(k)];
      routes.experts.push_back(expert);
      ++routes.begin[static_cast<size_t>(expert) + 1];
    }
  }
  std::partial_sum(routes.begin.begin(), routes.begin.end(), routes.begin.begin());
  routes.slots.resize(routes.experts.size());
  std::vector<int32_t> next = routes.begin;
  for (size_t slot = 0; slot < routes.experts.size(); ++slot) {
    const auto place = next[static_cast<size_t>(routes.experts[slot])]++;
    routes.slots[static_cast<size_t>(place)] = static_cast<int32_t>(slot);
  }
  return routes;
}

mx::array indices(const std::vector<int32_t>& values) {
  return mx::array(values.begin(), {static_cast<int>(values.size())}, mx::int32);
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

mx::array Experts::expert(int index, const mx::array& x, const Dropout& dropout) const {
  const nn::Linear gate = gate_.expert(index), up = up_.expert(index), down = down_.expert(index);
  const auto parts = nn::project(x, {&gate, &up}, dropout);
  const mx::array activated = ops::gated_activation(config_.activation, parts[0], parts[1]);
  return nn::project(activated, {&down}, dropout)[0];
}

mx::array Experts::operator()(const mx::array& x, const Dropout& dropout) const {
  const int tokens = x.shape(0), chosen = config_.chosen;
  const mx::array logits = mx::astype(nn::project(x, {&router_}, dropout)[0], mx::float32);
  mx::array known = mx::stop_gradient(logits);
  known.eval();  // which rows an expert gets decides the shapes of the graph
  const Routes routes = choose(known, chosen);

  std::vector<int32_t> rows;  // of x, in the order of experts
  for (int32_t slot : routes.slots) rows.push_back(slot / chosen);
  const mx::array gathered = mx::take(x, indices(rows), 0);  // [N*K, D]
  std::vector<mx::array> outputs;
  for (int e = 0; e < config_.count; ++e) {
    const int begin = routes.begin[static_cast<size_t>(e)];
    const int end = routes.begin[static_cast<size_t>(e) + 1];
    if (begin == end) continue;
    outputs.push_back(
        expert(e, mx::slice(gathered, {begin, 0}, {end, config_.hidden_size}), dropout));
  }
  std::vector<int32_t> places(routes.slots.size());  // of a slot among the outputs
  for (size_t i = 0; i < places.size(); ++i) {
    places[static_cast<size_t>(routes.slots[i])] = static_cast<int32_t>(i);
  }
  const mx::array by_slot = mx::reshape(mx::take(mx::concatenate(outputs, 0), indices(places), 0),
                                        {tokens, chosen, config_.hidden_size});

  mx::array shares = mx::take_along_axis(mx::softmax(logits, -1),
                                         mx::reshape(indices(routes.experts), {tokens, chosen}), 1);
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
