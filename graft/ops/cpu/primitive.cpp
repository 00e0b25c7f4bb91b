#include "graft/ops/cpu/primitive.h"

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>
#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/base/profile.h"
#include "graft/base/threads.h"
#include "graft/ops/backend.h"

namespace graft::ops::cpu {
namespace {

// Whether an array is known to be contiguous: a contiguous leaf (a weight, a batch), or the output
// of one of our own nodes. For other arrays, MLX finds out when the graph runs.
bool is_contiguous(const mx::array& a) {
  if (a.status() == mx::array::Status::available) return a.flags().row_contiguous;
  return a.has_primitive() && dynamic_cast<const CpuPrimitive*>(&a.primitive()) != nullptr;
}

std::vector<Input> describe(const std::vector<mx::array>& inputs) {
  std::vector<Input> in;
  in.reserve(inputs.size());
  for (const mx::array& a : inputs) in.push_back({a.data<char>()});
  return in;
}

// Of a node that runs, each output has handles of the inputs; those of one are enough, which are
// `inputs`. MLX lets all of them go when the node has run, unless it traces.
void drop_other_handles(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) {
  for (mx::array& output : outputs) {
    if (output.is_tracer()) return;
  }
  for (mx::array& output : outputs) {
    if (&output.inputs() != &inputs) output.inputs().clear();
  }
}

std::vector<Output> allocate(const CpuPrimitive& primitive, const std::vector<mx::array>& inputs,
                             std::vector<mx::array>& outputs) {
  std::vector<Output> out;
  out.reserve(outputs.size());
  if (!outputs.empty() && primitive.in_place_of(0) >= 0) drop_other_handles(inputs, outputs);
  for (size_t i = 0; i < outputs.size(); ++i) {
    mx::array& a = outputs[i];
    if (const int at = primitive.in_place_of(i); at >= 0) {
      const mx::array& in = inputs[static_cast<size_t>(at)];
      if (in.is_donatable() && in.nbytes() == a.nbytes()) {
        a.copy_shared_buffer(in);
        out.push_back({a.data<char>()});
        continue;
      }
    }
    mx::allocator::Data data = mx::allocator::malloc(a.nbytes());
    if (data.buffer().ptr() == nullptr && a.nbytes() > 0) {
      fail("out of memory: {} bytes were asked for", a.nbytes());
    }
    a.set_data(std::move(data));
    out.push_back({a.data<char>()});
  }
  return out;
}

std::vector<mx::array> run_at_once(const CpuPrimitive& primitive, std::vector<mx::Shape> shapes,
                                   const std::vector<mx::Dtype>& dtypes,
                                   std::vector<mx::array> inputs) {
  for (mx::array& input : inputs) make_ready(input);
  std::vector<mx::array> outputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    outputs.push_back(mx::array(std::move(shapes[i]), dtypes[i], nullptr, {}));
  }
  primitive.run_timed(describe(inputs), allocate(primitive, inputs, outputs));
  for (mx::array& output : outputs) output.set_status(mx::array::Status::available);
  return outputs;
}

bool is_tracer(const mx::array& a) { return a.is_tracer(); }

}  // namespace

CpuPrimitive::CpuPrimitive()
    : Primitive(mx::default_stream(mx::Device::cpu)), threads_(num_threads()) {}

void CpuPrimitive::eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) {
  for (const mx::array& a : inputs) {
    if (!a.flags().row_contiguous) fail("internal: {} is given an array with gaps", name());
  }
  // The outputs share ownership of this primitive only until they are detached, so the task keeps
  // it alive.
  mx::cpu::get_command_encoder(stream()).dispatch([self = outputs[0].primitive_ptr(),
                                                   in = describe(inputs),
                                                   out = allocate(*this, inputs, outputs)] {
    static_cast<const CpuPrimitive&>(*self).run_timed(in, out);
  });
}

void CpuPrimitive::run_timed(const std::vector<Input>& inputs,
                             const std::vector<Output>& outputs) const {
  const PhaseTimer timer(name(), profiling() ? operations(inputs) : 0);
  const ThreadsScope threads(threads_);
  run(inputs, outputs);
}

void CpuPrimitive::eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) {
  fail("internal: {} runs on the CPU only", name());
}

std::vector<mx::array> apply(std::shared_ptr<CpuPrimitive> primitive, std::vector<mx::Shape> shapes,
                             const std::vector<mx::Dtype>& dtypes, std::vector<mx::array> inputs) {
  if (runs_at_once() && std::none_of(inputs.begin(), inputs.end(), is_tracer)) {
    return run_at_once(*primitive, std::move(shapes), dtypes, std::move(inputs));
  }
  for (mx::array& input : inputs) {
    if (!is_contiguous(input)) input = mx::contiguous(input);
  }
  return mx::array::make_arrays(std::move(shapes), dtypes, std::move(primitive), inputs);
}

void make_ready(mx::array& a) {
  if (a.status() != mx::array::Status::available) a.eval();
  if (a.flags().row_contiguous) return;
  a = mx::contiguous(a);
  a.eval();
}

kernels::ScalarType scalar_type(mx::Dtype dtype) {
  if (dtype == mx::float32) return kernels::ScalarType::f32;
  if (dtype == mx::bfloat16) return kernels::ScalarType::bf16;
  if (dtype == mx::float16) return kernels::ScalarType::f16;
  fail("internal: kernels compute with float32, bfloat16 and float16 alone");
}

}  // namespace graft::ops::cpu
