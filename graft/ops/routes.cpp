#include "graft/ops/routes.h"

#include <mlx/ops.h>

#include <algorithm>
#include <numeric>

namespace graft::ops {
namespace {

mx::array indices(const std::vector<int32_t>& values) {
  return mx::array(values.begin(), {static_cast<int>(values.size())}, mx::int32);
}

}  // namespace

mx::array Routes::tokens() const {
  std::vector<int32_t> tokens;
  for (const int32_t slot : slots) tokens.push_back(slot / chosen);
  return indices(tokens);
}

mx::array Routes::places() const {
  std::vector<int32_t> places(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    places[static_cast<size_t>(slots[i])] = static_cast<int32_t>(i);
  }
  return indices(places);
}

mx::array Routes::choices() const {
  return mx::reshape(indices(experts), {static_cast<int>(experts.size()) / chosen, chosen});
}

Routes route(const mx::array& logits, int chosen) {
  mx::array known = mx::contiguous(mx::stop_gradient(mx::astype(logits, mx::float32)));
  known.eval();
  const int tokens = known.shape(0), count = known.shape(1);
  const float* values = known.data<float>();
  Routes routes;
  routes.chosen = chosen;
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

}  // namespace graft::ops
