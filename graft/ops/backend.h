#pragma once

#include <mlx/dtype.h>

#include <string>
#include <vector>

namespace graft::ops {

/// Whether our CPU kernels are built in.
bool has_cpu_kernels();

/// True where the calling thread's operations run on our CPU kernels: they are built in, and a
/// KernelsScope says so, or MLX's default device is the CPU and the environment does not say
/// GRAFT_KERNELS=mlx. Elsewhere (Metal, CUDA) the same
/// mathematics is built from MLX's own operations.
bool use_cpu_kernels();

/// What the CPU kernels run with, where they are built in: see kernels/isa.h, and
/// kernels/panel_product.h for `multiplies_bf16`. Throws Error for a GRAFT_CPU_ISA that is unknown
/// or asks for more than the processor has.
struct CpuKernels {
  std::string isa;
  std::vector<std::string> supported;  // best first
  bool avx512_bf16, amx_bf16;
  bool multiplies_bf16;  // else bf16 is widened to f32
};
CpuKernels cpu_kernels();

/// What activations are kept in where all weights are quantized: bfloat16, or float32 on a CPU that
/// cannot multiply bfloat16.
mlx::core::Dtype quantized_activation_dtype();

/// While one lives, operations of its thread run on the CPU kernels as soon as they are called, and
/// give arrays that are evaluated: no graph is built, handed to another thread and waited for,
/// which for the small operations of decoding takes longer than they do. Not for what is
/// differentiated; where there are no CPU kernels it changes nothing.
class RunAtOnce {
 public:
  RunAtOnce();
  ~RunAtOnce();
  RunAtOnce(const RunAtOnce&) = delete;
  RunAtOnce& operator=(const RunAtOnce&) = delete;

 private:
  bool saved_;
};
bool runs_at_once();

/// What computes: as the machine and GRAFT_KERNELS say, MLX's operations, or our CPU kernels (where
/// they are built in).
enum class Kernels { automatic, mlx, own };

/// While one lives, operations that its thread calls use these kernels; `automatic`: as before.
class KernelsScope {
 public:
  explicit KernelsScope(Kernels kernels);
  ~KernelsScope();
  KernelsScope(const KernelsScope&) = delete;
  KernelsScope& operator=(const KernelsScope&) = delete;

 private:
  int saved_;
};

}  // namespace graft::ops
