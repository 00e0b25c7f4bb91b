#include "graft/nn/norm.h"

namespace graft::nn {

mx::array Norm::operator()(const mx::array& h) const {
  return centered ? ops::layer_norm(h, weight, bias, eps) : ops::rms_norm(h, weight, eps);
}

ops::AddNorm Norm::add(const mx::array& h, const std::optional<mx::array>& delta) const {
  if (!delta) return {h, (*this)(h)};
  return centered ? ops::add_layer_norm(h, *delta, weight, bias, eps)
                  : ops::add_rms_norm(h, *delta, weight, eps);
}

}  // namespace graft::nn
