#include "graft/ops/cpu/linear.h"

#include <mlx/ops.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/kernels/column_sums.h"
#include "graft/kernels/convert.h"
#include "graft/kernels/group_gradients.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/weight_gradient.h"
#include "graft/ops/backend.h"
#include "graft/ops/cpu/adapted_linear.h"
#include "graft/ops/cpu/gradients.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

using kernels::LinearWeight;
using kernels::ScalarType;

// A projection of the node, without its arrays.
struct Part {
  LinearWeight weight;  // without its data
  int weight_arrays = 0;
  bool has_bias = false, has_lora = false;
  bool own_x = false;        // the update has an x of its own: with dropout
  bool has_factors = false;  // of DoRA
  int rank = 0;
  float scale = 0;
  ScalarType bias_type = ScalarType::f32;
  bool wants_weight = false, wants_bias = false;  // their gradients
  bool wants_groups = false;                      // those of scales and biases
};

size_t elements(const LinearWeight& weight) {
  return static_cast<size_t>(weight.out) * static_cast<size_t>(weight.in);
}

std::vector<RowsShape> shapes_of(const std::vector<Part>& parts) {
  std::vector<RowsShape> shapes;
  for (const Part& part : parts) shapes.push_back({part.weight, part.rank});
  return shapes;
}

// The indices of a part's arrays among the inputs of Linear. The inputs are x, then for each part
// those of these arrays that it has, in this order. `end` is where the next part's arrays begin.
struct Places {
  int weight, bias, a, b, x, factors, end;

  Places(const Part& part, int begin) : weight(begin) {
    end = begin + part.weight_arrays;
    bias = part.has_bias ? end++ : -1;
    a = part.has_lora ? end++ : -1;
    b = part.has_lora ? end++ : -1;
    x = part.own_x ? end++ : 0;
    factors = part.has_factors ? end++ : -1;
  }
};

// The same for LinearBackward; the inputs of a part are d_y and the other arrays that its gradients
// need.
struct BackwardPlaces {
  int d_y, weight, layer_x, a, b, x, xa, factors, y, end;

  BackwardPlaces(const Part& part, bool wants_x, int begin) : d_y(begin), weight(begin + 1) {
    end = weight + (wants_x || part.wants_groups ? part.weight_arrays : 0);
    layer_x = part.wants_weight || part.wants_groups ? end++ : -1;
    a = part.has_lora ? end++ : -1;
    b = part.has_lora ? end++ : -1;
    x = part.has_lora ? end++ : -1;
    xa = part.has_lora ? end++ : -1;
    factors = part.has_factors ? end++ : -1;
    y = part.has_factors ? end++ : -1;
  }
};

const void* data(const std::vector<Input>& inputs, int at) {
  return at < 0 ? nullptr : inputs[static_cast<size_t>(at)].data;
}

const float* floats(const std::vector<Input>& inputs, int at) {
  return static_cast<const float*>(data(inputs, at));
}

// The adapter of a part that has one; its arrays are those of the node's inputs.
template <class AnyPlaces>
RowsAdapter bind_adapter(const Part& part, const std::vector<Input>& inputs, const AnyPlaces& at) {
  return {part.rank,
          part.scale,
          data(inputs, at.x),
          floats(inputs, at.a),
          floats(inputs, at.b),
          floats(inputs, at.factors)};
}

// Gradients of the node below. Inputs: BackwardPlaces of each part. Outputs: d_x if wanted, then
// for each part with an update d_a, d_b and, where it has them, its own d_x and d_factors, then of
// each part those of weight and bias that are wanted.
class LinearBackward final : public CpuPrimitive {
 public:
  LinearBackward(std::vector<Part> parts, int64_t rows, ScalarType type, bool wants_x)
      : parts_(std::move(parts)), rows_(rows), type_(type), wants_x_(wants_x) {}

  const char* name() const override { return "LinearBackward"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    size_t next = wants_x_ ? 1 : 0;
    const auto next_output = [&] { return static_cast<float*>(outputs[next++].data); };
    std::vector<RowsGradient> gradients;
    int begin = 0;
    for (const Part& part : parts_) {
      const BackwardPlaces at(part, wants_x_, begin);
      begin = at.end;
      RowsGradient gradient{.weight = part.weight, .d_y = data(inputs, at.d_y)};
      if (wants_x_) gradient.weight = bind(part.weight, inputs, at.weight);
      if (part.has_lora) {
        gradient.adapter = bind_adapter(part, inputs, at);
        gradient.xa = floats(inputs, at.xa);
        gradient.d_a = next_output();
        gradient.d_b = next_output();
        if (part.own_x) gradient.d_adapter_x = next_output();
        if (part.has_factors) {
          gradient.y = data(inputs, at.y);
          gradient.d_factors = next_output();
        }
      }
      if (part.wants_weight) {
        const void* x = data(inputs, at.layer_x);
        kernels::weight_gradient({rows_, part.weight.out, part.weight.in, type_, gradient.d_y, x},
                                 next_output());
      }
      if (part.wants_groups) {
        const LinearWeight weight = bind(part.weight, inputs, at.weight);
        static thread_local kernels::GrownBuffer dense;
        auto* d_weight = dense.get_as<float>(elements(weight));
        kernels::weight_gradient(
            {rows_, weight.out, weight.in, type_, gradient.d_y, data(inputs, at.layer_x)},
            d_weight);
        float* const d_scales = next_output();
        kernels::group_gradients(weight.matrix, d_weight, d_scales, next_output());
      }
      if (part.wants_bias) {
        kernels::column_sums(gradient.d_y, type_, rows_, part.weight.out, next_output());
      }
      gradients.push_back(gradient);
    }
    project_rows_backward(gradients, rows_, type_, wants_x_ ? outputs[0].data : nullptr);
  }

  double operations(const std::vector<Input>&) const override {
    double sum = 0;
    for (const Part& part : parts_)
      sum += projection_operations(part.weight, part.rank, rows_, wants_x_ ? 1 : 0, 2);
    return sum + weight_operations();
  }

  Work work(const std::vector<Input>&) const override {
    Work work = projection_work(shapes_of(parts_), rows_, wants_x_ ? 1 : 0, 2);
    work.products += weight_operations();
    return work;
  }

  Scratch scratch(const std::vector<Input>&) const override {
    Scratch all = projection_backward_scratch(shapes_of(parts_), rows_, type_, wants_x_);
    size_t dense = 0;  // the gradient of a quantized matrix
    for (const Part& part : parts_) {
      if (!part.wants_weight && !part.wants_groups) continue;
      all.shared =
          std::max(all.shared, kernels::weight_gradient_scratch(rows_, part.weight.out, type_));
      if (part.wants_groups) dense = std::max(dense, elements(part.weight) * sizeof(float));
    }
    all.own += dense;
    return all;
  }

 private:
  double weight_operations() const {
    double sum = 0;
    for (const Part& part : parts_) {
      if (part.wants_weight || part.wants_groups) {
        sum += projection_operations(part.weight, 0, rows_, 1, 0);
      }
    }
    return sum;
  }

  std::vector<Part> parts_;
  int64_t rows_;
  ScalarType type_;
  bool wants_x_;
};

// Outputs: y of each part, then xa = x a [N, R] of each part with an update, kept for the gradient.
class Linear final : public CpuPrimitive {
 public:
  Linear(std::vector<Part> parts, int64_t rows, ScalarType type, bool int8)
      : parts_(std::move(parts)), rows_(rows), type_(type), int8_(int8) {}

  const char* name() const override { return "Linear"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    size_t xa_at = parts_.size();
    std::vector<RowsProjection> projections;
    static thread_local kernels::GrownBuffer converted;
    char* room = static_cast<char*>(converted.get(converted_bytes()));
    int begin = 1;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const Places at(part, begin);
      begin = at.end;
      RowsProjection projection{.weight = bind(part.weight, inputs, at.weight),
                                .bias = data(inputs, at.bias),
                                .y = outputs[i].data};
      if (converts_bias(part)) {
        kernels::convert(part.bias_type, projection.bias, type_, room, part.weight.out);
        projection.bias = room;
        room += static_cast<size_t>(part.weight.out) * kernels::size_of(type_);
      }
      if (part.has_lora) {
        projection.adapter = bind_adapter(part, inputs, at);
        projection.xa = static_cast<float*>(outputs[xa_at++].data);
      }
      projections.push_back(projection);
    }
    project_rows(projections, {inputs[0].data, rows_, type_}, int8_);
  }

  double operations(const std::vector<Input>&) const override {
    double sum = 0;
    for (const Part& part : parts_)
      sum += projection_operations(part.weight, part.rank, rows_, 1, 1);
    return sum;
  }

  Work work(const std::vector<Input>&) const override {
    return projection_work(shapes_of(parts_), rows_, 1, 1);
  }

  Scratch scratch(const std::vector<Input>&) const override {
    return projection_scratch(shapes_of(parts_), rows_, type_);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    Gradients gradients(primals, argnums);
    const bool wants_x = gradients.wants(0);
    const auto primal = [&](int at) { return primals[static_cast<size_t>(at)]; };
    if (wants_x) gradients.add(0, primals[0].dtype());
    std::vector<Part> parts = parts_;
    // Keeps only the arrays that are needed: x only for the updates and the weights' gradients.
    std::vector<mx::array> inputs;  // as BackwardPlaces has them
    size_t xa_at = parts_.size();
    int begin = 1;
    for (size_t i = 0; i < parts.size(); ++i) {
      Part& part = parts[i];
      const Places at(part, begin);
      begin = at.end;
      part.wants_weight = !part.weight.quantized && gradients.wants(at.weight);
      part.wants_groups = part.weight_arrays == 3 &&
                          (gradients.wants(at.weight + 1) || gradients.wants(at.weight + 2));
      part.wants_bias = part.has_bias && gradients.wants(at.bias);
      inputs.push_back(cotangents[i]);
      if (wants_x || part.wants_groups) {
        const auto from = primals.begin() + at.weight;
        inputs.insert(inputs.end(), from, from + part.weight_arrays);
      }
      if (part.wants_weight || part.wants_groups) inputs.push_back(primals[0]);
      if (part.has_lora) {
        for (const int argument : {at.a, at.b, at.x}) inputs.push_back(primal(argument));
        inputs.push_back(outputs[xa_at++]);
        gradients.add(at.a, mx::float32);
        gradients.add(at.b, mx::float32);
        if (part.own_x) gradients.add(at.x, mx::float32);
        if (part.has_factors) {
          inputs.push_back(primal(at.factors));
          inputs.push_back(outputs[i]);
          gradients.add(at.factors, mx::float32);
        }
      }
      if (part.wants_weight) gradients.add(at.weight, mx::float32);
      if (part.wants_groups) {
        gradients.add(at.weight + 1, mx::float32);
        gradients.add(at.weight + 2, mx::float32);
      }
      if (part.wants_bias) gradients.add(at.bias, mx::float32);
    }
    return gradients.of(std::make_shared<LinearBackward>(std::move(parts), rows_, type_, wants_x),
                        std::move(inputs));
  }

 private:
  // A bias that is trained is f32, whatever the activations are.
  bool converts_bias(const Part& part) const { return part.has_bias && part.bias_type != type_; }

  size_t converted_bytes() const {
    size_t bytes = 0;
    for (const Part& part : parts_) {
      if (!converts_bias(part)) continue;
      bytes += static_cast<size_t>(part.weight.out) * kernels::size_of(type_);
    }
    return bytes;
  }

  std::vector<Part> parts_;
  int64_t rows_;
  ScalarType type_;
  bool int8_;
};

}  // namespace

std::vector<mx::array> linear(const mx::array& x, const std::vector<Projection>& projections) {
  std::vector<mx::array> inputs = {x};  // as Places has them
  std::vector<Part> parts;
  std::vector<mx::Shape> shapes, xa_shapes;
  int rows = x.shape(0);
  for (const Projection& p : projections) {
    const std::vector<mx::array> weight = p.weight.arrays();
    Part part{.weight = describe(p.weight),
              .weight_arrays = static_cast<int>(weight.size()),
              .has_bias = p.bias.has_value(),
              .has_lora = p.lora.has_value(),
              .has_factors = p.lora && p.lora->factors};
    // The gradient of factors takes y without the bias, which is added behind the node.
    part.has_bias = part.has_bias && !part.has_factors;
    if (part.weight.in != x.shape(1)) {
      fail("internal: a linear layer of {} inputs is given {}", part.weight.in, x.shape(1));
    }
    inputs.insert(inputs.end(), weight.begin(), weight.end());
    if (part.has_bias) {
      part.bias_type = scalar_type(p.bias->dtype());
      inputs.push_back(*p.bias);
    }
    if (p.lora) {
      part.rank = p.lora->a.shape(1);
      part.scale = p.lora->scale;
      part.own_x = p.lora->x.has_value();
      inputs.insert(inputs.end(), {p.lora->a, p.lora->b});
      if (part.own_x) inputs.push_back(*p.lora->x);
      if (part.has_factors) inputs.push_back(*p.lora->factors);
      xa_shapes.push_back({rows, part.rank});
    }
    shapes.push_back({rows, p.weight.out()});
    parts.push_back(part);
  }
  std::vector<mx::array> outputs = apply_projections(
      std::make_shared<Linear>(std::move(parts), rows, scalar_type(x.dtype()), takes_int8()),
      std::move(shapes), xa_shapes, x.dtype(), std::move(inputs));
  for (size_t i = 0; i < projections.size(); ++i) {
    const Projection& p = projections[i];
    if (p.bias && p.lora && p.lora->factors) {
      outputs[i] = mx::add(outputs[i], mx::astype(*p.bias, x.dtype()));
    }
  }
  return outputs;
}

}  // namespace graft::ops::cpu
