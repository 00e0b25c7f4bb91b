#pragma once

#include <mlx/array.h>
#include <mlx/primitives.h>

#include <vector>

#include "graft/kernels/scalar_type.h"
#include "graft/ops/cost.h"

namespace graft::ops::cpu {

namespace mx = mlx::core;

/// An input of a CPU primitive while it runs: row-major data.
struct Input {
  const void* data;
};

/// An output: allocated, not initialized.
struct Output {
  void* data;
};

/// A graph node that runs one of our kernels. A subclass holds the shapes, implements `run` and,
/// where it is differentiable, `vjp`. Inputs are row-contiguous: `apply` sees to it.
class CpuPrimitive : public mx::Primitive {
 public:
  /// On the calling thread's stream; its kernels will use the threads that the caller may use.
  CpuPrimitive();

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) final;
  void eval_gpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) final;

  /// `run`, timed if a profile is being made.
  void run_timed(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const;

  /// Computes the outputs. Called on the stream's thread, where an exception reaches `mx::eval`, or
  /// from `apply` if operations run at once.
  virtual void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const = 0;

  /// The floating-point operations of a run, for a profile; 0 if other work takes the time.
  virtual double operations(const std::vector<Input>&) const { return 0; }

  /// The same by kind. As for `scratch`, the inputs may be without data.
  virtual Work work(const std::vector<Input>& inputs) const {
    return {.products = operations(inputs)};
  }

  /// What a run works with besides inputs and outputs. The inputs may be without data.
  virtual Scratch scratch(const std::vector<Input>&) const { return {}; }

  /// The input whose memory an output takes over if nothing else can reach it, of the same bytes;
  /// -1: none. The kernel may write the one while it reads the other.
  virtual int in_place_of(size_t /*output*/) const { return -1; }

  /// The threads that its kernels use.
  int threads() const { return threads_; }

 private:
  int threads_;
};

/// The outputs of a primitive applied to inputs, as lazy arrays; evaluated if operations run at
/// once.
std::vector<mx::array> apply(std::shared_ptr<CpuPrimitive> primitive, std::vector<mx::Shape> shapes,
                             const std::vector<mx::Dtype>& dtypes, std::vector<mx::array> inputs);

/// Evaluates an array and makes it row-contiguous.
void make_ready(mx::array& a);

/// Throws Error for a type that kernels do not compute with.
kernels::ScalarType scalar_type(mx::Dtype dtype);

}  // namespace graft::ops::cpu
