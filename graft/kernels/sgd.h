#pragma once

#include <cstdint>

namespace graft::kernels {

struct SgdOptions {
  float learning_rate;
  float weight_decay = 0;  ///< L2: g grows by weight_decay p
  float momentum = 0;
  float fresh = 1;        ///< what of g goes into the velocity: 1 - dampening
  bool nesterov = false;  ///< the step looks one update of the velocity ahead
};

/// One step of gradient descent on `count` parameters. Without momentum (`v` and `v_out` are null)
///   p = p - learning_rate g, else, with u = g + momentum v (Nesterov's) or v,
///   v = momentum v + fresh g,  p = p - learning_rate u.
/// Each output may be its input. Sutskever et al., ICML 2013.
void sgd_update(const SgdOptions& options, int64_t count, const float* gradient, const float* p,
                const float* v, float* p_out, float* v_out);

}  // namespace graft::kernels
