#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "graft/kernels/head_loss.h"
#include "graft/kernels/scalar/panel_product.h"

namespace graft::kernels {

/// head_loss as plain loops in double: what the vector code is tested against.
inline float head_loss_scalar(const Head& head, const Rows& h, const Targets& targets,
                              float* losses, const HeadGradients& gradients) {
  const LinearWeight& w = head.weight;
  const ScalarType type = product_type(h.type);
  std::vector<double> logits(static_cast<size_t>(w.out)), gradient(static_cast<size_t>(w.in));
  std::vector<double> d_weight(static_cast<size_t>(w.out * w.in)), d_bias(logits.size());
  const HeadUpdate& update = head.update;
  std::vector<double> d_xa(static_cast<size_t>(update.rank));
  std::vector<double> d_b(static_cast<size_t>(update.rank * w.out));
  double weighted = 0;
  for (int64_t row = 0; row < h.rows; ++row) {
    losses[row] = 0;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    std::fill(d_xa.begin(), d_xa.end(), 0.0);
    const double weight = targets.weights[row];
    const int32_t target = targets.ids[row];
    if (weight != 0) {
      for (int64_t id = 0; id < w.out; ++id) {
        double& logit = logits[static_cast<size_t>(id)] =
            head.bias == nullptr ? 0.0 : double{head.bias[id]};
        for (int64_t k = 0; k < w.in; ++k) {
          logit +=
              double{load_scalar(h.type, h.data, row * w.in + k)} * weight_scalar(w, id, k, type);
        }
        for (int64_t r = 0; r < update.rank; ++r) {
          logit +=
              double{update.scale} * update.xa[row * update.rank + r] * update.b[r * w.out + id];
        }
        if (head.soft_cap > 0) logit = head.soft_cap * std::tanh(logit / head.soft_cap);
      }
      const double max = *std::max_element(logits.begin(), logits.end());
      double sum = 0;
      for (double logit : logits) sum += std::exp(logit - max);
      const double loss = std::log(sum) + max - logits[static_cast<size_t>(target)];
      losses[row] = static_cast<float>(loss);
      weighted += weight * loss;
      for (int64_t id = 0; id < w.out; ++id) {
        const double logit = logits[static_cast<size_t>(id)];
        const double p = std::exp(logit - max) / sum;
        double d_logit = weight * (p - (id == target ? 1 : 0)) / targets.divisor;
        if (head.soft_cap > 0) d_logit *= 1 - std::pow(logit / head.soft_cap, 2);
        d_bias[static_cast<size_t>(id)] += d_logit;
        for (int64_t r = 0; r < update.rank; ++r) {
          const auto at = static_cast<size_t>(r * w.out + id);
          d_b[at] += d_logit * update.scale * update.xa[row * update.rank + r];
          d_xa[static_cast<size_t>(r)] += d_logit * update.scale * update.b[at];
        }
        for (int64_t k = 0; k < w.in; ++k) {
          d_weight[static_cast<size_t>(id * w.in + k)] +=
              d_logit * load_scalar(h.type, h.data, row * w.in + k);
          gradient[static_cast<size_t>(k)] += d_logit * weight_scalar(w, id, k, type);
        }
      }
    }
    for (int64_t k = 0; gradients.h != nullptr && k < w.in; ++k) {
      store_scalar(h.type, gradients.h, row * w.in + k,
                   static_cast<float>(gradient[static_cast<size_t>(k)]));
    }
    if (gradients.xa != nullptr)
      std::copy(d_xa.begin(), d_xa.end(), gradients.xa + row * update.rank);
  }
  if (gradients.weight != nullptr) std::copy(d_weight.begin(), d_weight.end(), gradients.weight);
  if (gradients.bias != nullptr) std::copy(d_bias.begin(), d_bias.end(), gradients.bias);
  if (gradients.b != nullptr) std::copy(d_b.begin(), d_b.end(), gradients.b);
  return static_cast<float>(weighted / targets.divisor);
}

}  // namespace graft::kernels
