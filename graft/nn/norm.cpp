#include "graft/nn/norm.h"

#include <mlx/ops.h>

namespace graft::nn {

mx::array Norm::weight_now() const {
  return trained && stored ? mx::add(*stored, mx::array(offset)) : weight;
}

mx::array Norm::operator()(const mx::array& h) const {
  return centered ? ops::layer_norm(h, weight_now(), bias, eps)
                  : ops::rms_norm(h, weight_now(), eps);
}

ops::AddNorm Norm::add(const mx::array& h, const std::optional<mx::array>& delta) const {
  if (!delta) return {h, (*this)(h)};
  return centered ? ops::add_layer_norm(h, *delta, weight_now(), bias, eps)
                  : ops::add_rms_norm(h, *delta, weight_now(), eps);
}

}  // namespace graft::nn
