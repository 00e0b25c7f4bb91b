#include "graft/lora/peft_experts.h"

#include <mlx/ops.h>

#include <vector>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"

namespace graft::lora {
namespace {

mx::array part(const mx::array& values, int axis, int begin, int end) {
  mx::Shape from(values.ndim(), 0), to = values.shape();
  from[static_cast<size_t>(axis)] = begin;
  to[static_cast<size_t>(axis)] = end;
  return mx::slice(values, from, to);
}

bool same_numbers(const AdapterTensor& a, const AdapterTensor& b) {
  return a.shape == b.shape && mx::array_equal(a.load(), b.load()).item<bool>();
}

}  // namespace

ExpertTensors experts_from_peft(const AdapterTensor& a, const AdapterTensor& b, int rank,
                                const std::string& what) {
  if (a.shape.size() != 2 || b.shape.size() != 2 || a.shape[0] != b.shape[1] ||
      a.shape[0] % rank != 0 || a.shape[0] == 0) {
    fail("{}: lora_A is {} and lora_B {}, which do not go with experts of rank {}", what,
         io::shape_text(a.shape), io::shape_text(b.shape), rank);
  }
  const int experts = a.shape[0] / rank, in = a.shape[1], out = b.shape[0];
  return {{{experts, rank, in},
           [a, experts, rank, in] {
             return mx::reshape(a.load(), {experts, rank, in});
           }},
          {{experts, out, rank}, [b, experts, rank, out] {
             return mx::transpose(mx::reshape(b.load(), {out, rank, experts}), {2, 0, 1});
           }}};
}

ExpertTensors half_of(const ExpertTensors& gate_up, bool upper, const std::string& what) {
  const int rows = gate_up.b.shape.at(1);
  if (rows % 2 != 0) fail("{}: lora_B of gate_up_proj has {} rows", what, rows);
  mx::Shape shape = gate_up.b.shape;
  shape[1] = rows / 2;
  const AdapterTensor b = gate_up.b;
  return {gate_up.a, {shape, [b, rows, upper] {
                        return upper ? part(b.load(), 1, rows / 2, rows)
                                     : part(b.load(), 1, 0, rows / 2);
                      }}};
}

ExpertTensors experts_to_peft(const ExpertTensors& experts) {
  const AdapterTensor a = experts.a, b = experts.b;
  const int count = a.shape.at(0), rank = a.shape.at(1), in = a.shape.at(2), out = b.shape.at(1);
  return {{{count * rank, in},
           [a, count, rank, in] {
             return mx::reshape(a.load(), {count * rank, in});
           }},
          {{out, rank * count}, [b, count, rank, out] {
             return mx::reshape(mx::transpose(b.load(), {1, 2, 0}), {out, rank * count});
           }}};
}

ExpertTensors joined(const ExpertTensors& gate, const ExpertTensors& up) {
  const int experts = gate.a.shape.at(0), in = gate.a.shape.at(2);
  const int gate_out = gate.b.shape.at(1), up_out = up.b.shape.at(1);
  if (same_numbers(gate.a, up.a)) {
    const mx::Shape shape = {experts, gate_out + up_out, gate.a.shape[1]};
    return {gate.a, {shape, [gate, up] {
                       return mx::concatenate({gate.b.load(), up.b.load()}, 1);
                     }}};
  }
  const int gate_rank = gate.a.shape[1], up_rank = up.a.shape.at(1);
  return {{{experts, gate_rank + up_rank, in},
           [gate, up] {
             return mx::concatenate({gate.a.load(), up.a.load()}, 1);
           }},
          {{experts, gate_out + up_out, gate_rank + up_rank}, [=] {
             const mx::array gate_b = gate.b.load(), up_b = up.b.load();
             const auto zeros = [&](int out, int rank) {
               return mx::zeros({experts, out, rank}, gate_b.dtype());
             };
             return mx::concatenate({mx::concatenate({gate_b, zeros(gate_out, up_rank)}, 2),
                                     mx::concatenate({zeros(up_out, gate_rank), up_b}, 2)},
                                    1);
           }}};
}

ExpertTensors stacked_experts(const std::map<int, ExpertTensors>& each, const std::string& what) {
  std::vector<ExpertTensors> all;
  for (const auto& [number, tensors] : each) {
    if (number != static_cast<int>(all.size())) {
      fail("{}: expert {} has no adapter", what, all.size());
    }
    const ExpertTensors& first = all.empty() ? tensors : all.front();
    if (tensors.a.shape != first.a.shape || tensors.b.shape != first.b.shape) {
      fail("{}: expert {} has other shapes than expert 0", what, number);
    }
    all.push_back(tensors);
  }
  const auto stack = [&all](AdapterTensor ExpertTensors::*which) {
    mx::Shape shape = (all.front().*which).shape;
    shape.insert(shape.begin(), static_cast<int>(all.size()));
    return AdapterTensor(shape, [all, which] {
      std::vector<mx::array> values;
      for (const ExpertTensors& one : all) values.push_back((one.*which).load());
      return mx::stack(values, 0);
    });
  };
  return {stack(&ExpertTensors::a), stack(&ExpertTensors::b)};
}

}  // namespace graft::lora
