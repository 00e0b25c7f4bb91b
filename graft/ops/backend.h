#pragma once

#include <mlx/dtype.h>

#include <string>
#include <vector>

namespace graft::ops {

struct Weight;

/// Whether our CPU kernels are built in.
bool has_cpu_kernels();

/// Whether the calling thread's operations run on our CPU kernels: they are built in, and a
/// KernelsScope selects them, or MLX's default device is the CPU and the environment does not set
/// GRAFT_KERNELS=mlx. Otherwise (Metal, CUDA) the same mathematics is built from MLX's own
/// operations.
bool use_cpu_kernels();

/// What the calling thread's operations run on: "graft_cpu" (our CPU kernels), or MLX's operations
/// on one of its devices: "mlx_cpu", "mlx_metal", "mlx_cuda".
std::string path_in_use();

/// What the CPU kernels run with, if they are built in: see kernels/isa.h and, for what is
/// multiplied as what, kernels/panel_product.h. Throws Error for a GRAFT_CPU_ISA that is unknown or
/// asks for more than the processor has.
struct CpuKernels {
  std::string isa;
  std::vector<std::string> supported;  // best first
  bool avx512_vnni, avx512_bf16, amx_bf16;
  bool multiplies_bf16;      // else bf16 is widened to f32
  bool multiplies_integers;  // quantized weights with 16-bit activations
};
CpuKernels cpu_kernels();

/// The dtype of activations if all weights are quantized, in whatever mode: bfloat16, or float32 on
/// a CPU that multiplies neither bfloat16 nor integers.
mlx::core::Dtype quantized_activation_dtype();

/// During its lifetime, its thread's operations run on the CPU kernels as soon as they are called,
/// and return evaluated arrays. No graph is built, handed to another thread and waited for; for the
/// small operations of decoding, that takes longer than the operations themselves. Do not use it
/// for anything that is differentiated. Without CPU kernels it has no effect.
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

/// What products with quantized weights take activations as: as they are, or in 8 bits with a scale
/// for each row and group of the weight, which is faster and not exact.
enum class Activations { exact, int8 };

/// During its lifetime, its thread's passes without gradient take activations so; others are exact.
class ActivationsScope {
 public:
  explicit ActivationsScope(Activations activations);
  ~ActivationsScope();
  ActivationsScope(const ActivationsScope&) = delete;
  ActivationsScope& operator=(const ActivationsScope&) = delete;

 private:
  Activations saved_;
};
Activations activations_in_use();

/// During its lifetime, what its thread calls is a pass that nothing is differentiated through, as
/// RunAtOnce's are.
class WithoutGradient {
 public:
  WithoutGradient();
  ~WithoutGradient();
  WithoutGradient(const WithoutGradient&) = delete;
  WithoutGradient& operator=(const WithoutGradient&) = delete;

 private:
  bool saved_;
};

/// Whether there are products of 8-bit activations, if only with some weights: our CPU kernels are
/// in use, on a processor with multiplications of bytes (kernels::multiplies_int8).
bool has_int8_products();
/// Whether there are some with this weight.
bool has_int8_products(const Weight& weight);
/// Whether what the thread calls now takes activations in 8 bits.
bool takes_int8();

/// Which kernels to use: those that the machine and GRAFT_KERNELS suggest, MLX's operations, or our
/// CPU kernels (if they are built in).
enum class Kernels { automatic, mlx, own };

/// During its lifetime, operations that its thread calls use these kernels; `automatic` changes
/// nothing.
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
