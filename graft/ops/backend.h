#pragma once

#include <mlx/dtype.h>

namespace graft::ops {

/// True where operations run on our CPU kernels: they are built in, MLX's default device is the
/// CPU, and the environment does not say GRAFT_KERNELS=mlx. Elsewhere (Metal, CUDA) the same
/// mathematics is built from MLX's own operations.
bool use_cpu_kernels();

/// What activations are kept in where all weights are quantized: bfloat16, or float32 on a CPU that
/// cannot multiply bfloat16.
mlx::core::Dtype quantized_activation_dtype();

/// Overrides the choice for the life of the object: how tests hold the two forms against each
/// other.
class BackendOverride {
 public:
  explicit BackendOverride(bool cpu_kernels);
  ~BackendOverride();
  BackendOverride(const BackendOverride&) = delete;
  BackendOverride& operator=(const BackendOverride&) = delete;

 private:
  int saved_;
};

}  // namespace graft::ops
