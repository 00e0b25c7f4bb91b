#include "graft/ops/cpu/routes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Input: logits [N, E], f32. Outputs: the fields of Routes.
class Route final : public CpuPrimitive {
 public:
  Route(int tokens, int experts, int chosen)
      : tokens_(tokens), experts_(experts), chosen_(chosen) {}

  const char* name() const override { return "Route"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    auto* choices = static_cast<int32_t*>(outputs[0].data);
    choose(static_cast<const float*>(inputs[0].data), choices);
    auto* experts = static_cast<int32_t*>(outputs[1].data);
    auto* tokens = static_cast<int32_t*>(outputs[2].data);
    auto* places = static_cast<int32_t*>(outputs[3].data);
    const int32_t slots = tokens_ * chosen_;
    std::vector<int32_t> next(static_cast<size_t>(experts_) + 1);  // an expert's next row
    for (int32_t slot = 0; slot < slots; ++slot) ++next[static_cast<size_t>(choices[slot]) + 1];
    std::partial_sum(next.begin(), next.end(), next.begin());
    for (int32_t slot = 0; slot < slots; ++slot) {
      const int32_t row = next[static_cast<size_t>(choices[slot])]++;
      experts[row] = choices[slot];
      tokens[row] = slot / chosen_;
      places[slot] = row;
    }
  }

 private:
  void choose(const float* logits, int32_t* choices) const {
    std::vector<float> row(static_cast<size_t>(experts_));
    std::vector<int32_t> order(row.size());
    for (int t = 0; t < tokens_; ++t, logits += experts_, choices += chosen_) {
      // What is not a number is the least, so that there is an order.
      std::transform(logits, logits + experts_, row.begin(), [](float logit) {
        return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
      });
      std::iota(order.begin(), order.end(), 0);
      const auto larger = [&](int32_t a, int32_t b) {
        const float of_a = row[static_cast<size_t>(a)], of_b = row[static_cast<size_t>(b)];
        return of_a > of_b || (of_a == of_b && a < b);
      };
      std::partial_sort(order.begin(), order.begin() + chosen_, order.end(), larger);
      std::copy_n(order.begin(), chosen_, choices);
    }
  }

  int tokens_, experts_, chosen_;
};

}  // namespace

Routes route(const mx::array& logits, int chosen) {
  const int tokens = logits.shape(0), rows = tokens * chosen;
  const std::vector<mx::array> outputs = apply(
      std::make_shared<Route>(tokens, logits.shape(1), chosen),
      {{tokens, chosen}, {rows}, {rows}, {rows}}, std::vector<mx::Dtype>(4, mx::int32), {logits});
  return {outputs[0], outputs[1], outputs[2], outputs[3]};
}

}  // namespace graft::ops::cpu
