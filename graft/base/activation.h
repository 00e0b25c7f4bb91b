#pragma once

namespace graft {

/// The nonlinear function of a feed-forward layer.
enum class Activation {
  silu,       ///< x / (1 + e^-x); "silu", "swish" in checkpoints
  gelu_tanh,  ///< x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))); "gelu_pytorch_tanh",
              ///< "gelu_new"
  gelu,       ///< x / 2 (1 + erf(x / sqrt 2)); Hendrycks and Gimpel, arXiv:1606.08415
};

}  // namespace graft
