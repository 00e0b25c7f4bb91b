#include "graft/ops/cpu/primitive.h"

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/ops.h>

#include "graft/base/error.h"
#include "graft/base/profile.h"

namespace graft::ops::cpu {

CpuPrimitive::CpuPrimitive() : Primitive(mx::default_stream(mx::Device::cpu)) {}

void CpuPrimitive::eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) {
  std::vector<Input> in;
  in.reserve(inputs.size());
  for (const mx::array& a : inputs) {
    if (!a.flags().row_contiguous) fail("internal: {} is given an array with gaps", name());
    in.push_back({a.data<char>()});
  }
  std::vector<Output> out;
  out.reserve(outputs.size());
  for (mx::array& a : outputs) {
    a.set_data(mx::allocator::malloc(a.nbytes()));
    out.push_back({a.data<char>()});
  }
  // The outputs share ownership of this primitive only until they are detached: the task keeps it.
  mx::cpu::get_command_encoder(stream()).dispatch(
      [self = outputs[0].primitive_ptr(), in = std::move(in), out = std::move(out)] {
        const auto& node = static_cast<const CpuPrimitive&>(*self);
        const PhaseTimer timer(node.name(), profiling() ? node.operations(in) : 0);
        node.run(in, out);
      });
}

void CpuPrimitive::eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) {
  fail("internal: {} runs on the CPU only", name());
}

std::vector<mx::array> apply(std::shared_ptr<CpuPrimitive> primitive, std::vector<mx::Shape> shapes,
                             const std::vector<mx::Dtype>& dtypes, std::vector<mx::array> inputs) {
  for (mx::array& input : inputs) {
    // A leaf (a weight, a batch) is known to be contiguous or not; the rest is made so in the
    // graph, which costs nothing where it already is.
    bool known = input.status() == mx::array::Status::available && input.flags().row_contiguous;
    if (!known) input = mx::contiguous(input);
  }
  return mx::array::make_arrays(std::move(shapes), dtypes, std::move(primitive), inputs);
}

kernels::ScalarType scalar_type(mx::Dtype dtype) {
  if (dtype == mx::float32) return kernels::ScalarType::f32;
  if (dtype == mx::bfloat16) return kernels::ScalarType::bf16;
  if (dtype == mx::float16) return kernels::ScalarType::f16;
  fail("internal: kernels compute with float32, bfloat16 and float16 alone");
}

}  // namespace graft::ops::cpu
