#include "graft/ops/cpu/linear.h"

#include <mlx/ops.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/linear.h"
#include "graft/kernels/lora.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

using kernels::LinearWeight;
using kernels::LoraShape;
using kernels::ScalarType;

// A projection of the node, without its arrays.
struct Part {
  LinearWeight weight;  // without its data
  int weight_arrays = 0;
  bool has_bias = false, has_lora = false;
  bool own_x = false;  // the update has an x of its own: with dropout
  int rank = 0;
  float scale = 0;
};

// The indices of a part's arrays among the inputs of Linear. The inputs are x, then for each part
// those of these arrays that it has, in this order. `end` is where the next part's arrays begin.
struct Places {
  int weight, bias, a, b, x, end;

  Places(const Part& part, int begin) : weight(begin) {
    end = begin + part.weight_arrays;
    bias = part.has_bias ? end++ : -1;
    a = part.has_lora ? end++ : -1;
    b = part.has_lora ? end++ : -1;
    x = part.own_x ? end++ : 0;
  }
};

// The same for LinearBackward; the inputs of a part are d_y and the other arrays that its gradients
// need.
struct BackwardPlaces {
  int d_y, weight, a, b, x, xa, end;

  BackwardPlaces(const Part& part, bool wants_x, int begin) : d_y(begin), weight(begin + 1) {
    end = weight + (wants_x ? part.weight_arrays : 0);
    a = part.has_lora ? end++ : -1;
    b = part.has_lora ? end++ : -1;
    x = part.has_lora ? end++ : -1;
    xa = part.has_lora ? end++ : -1;
  }
};

const void* data(const std::vector<Input>& inputs, int at) {
  return at < 0 ? nullptr : inputs[static_cast<size_t>(at)].data;
}

const float* floats(const std::vector<Input>& inputs, int at) {
  return static_cast<const float*>(data(inputs, at));
}

LoraShape lora_shape(const Part& part, int64_t rows, ScalarType type) {
  return {rows, part.weight.in, part.weight.out, part.rank, type};
}

// Multiplications and additions of `products` products with the weight, and `updates` products with
// each of the two matrices of its update.
double operations_of(const Part& part, int64_t rows, int products, int updates) {
  const auto n = static_cast<double>(rows), in = static_cast<double>(part.weight.in);
  const auto out = static_cast<double>(part.weight.out);
  return 2 * n * (products * in * out + updates * part.rank * (in + out));
}

// Gradients of the node below. Inputs: BackwardPlaces of each part. Outputs: d_x if wanted, then
// for each part with an update d_a, d_b and, if it has one, its own d_x.
class LinearBackward final : public CpuPrimitive {
 public:
  LinearBackward(std::vector<Part> parts, int64_t rows, ScalarType type, bool wants_x)
      : parts_(std::move(parts)), rows_(rows), type_(type), wants_x_(wants_x) {}

  const char* name() const override { return "LinearBackward"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    static thread_local kernels::GrownBuffer scratch;
    float* room = scratch.get_as<float>(scratch_floats());
    size_t next = wants_x_ ? 1 : 0;
    int begin = 0;
    std::vector<kernels::ProductTerm> terms;
    std::vector<kernels::LowRankTerm> low_rank;
    for (const Part& part : parts_) {
      const BackwardPlaces at(part, wants_x_, begin);
      begin = at.end;
      const void* d_y = data(inputs, at.d_y);
      if (wants_x_) terms.push_back({d_y, type_, bind(part.weight, inputs, at.weight), false});
      if (!part.has_lora) continue;
      const LoraShape shape = lora_shape(part, rows_, type_);
      auto* d_a = static_cast<float*>(outputs[next++].data);
      auto* d_b = static_cast<float*>(outputs[next++].data);
      float* d_xa = std::exchange(room, room + rows_ * part.rank);
      lora_backward(shape, data(inputs, at.x), floats(inputs, at.xa), floats(inputs, at.b),
                    part.scale, d_y, d_a, d_b, d_xa);
      float* transposed_a = std::exchange(room, room + shape.in * part.rank);
      kernels::lora_transpose(shape, floats(inputs, at.a), transposed_a);
      const kernels::LowRankTerm update{d_xa, transposed_a, part.rank, 1.0f};
      if (!part.own_x) {
        low_rank.push_back(update);
      } else {
        kernels::panel_product({.rows = rows_,
                                .columns = shape.in,
                                .terms = {},
                                .low_rank = {&update, 1},
                                .out = outputs[next++].data,
                                .out_type = ScalarType::f32});
      }
    }
    if (!wants_x_) return;
    kernels::panel_product({.rows = rows_,
                            .columns = parts_[0].weight.in,
                            .terms = terms,
                            .low_rank = low_rank,
                            .out = outputs[0].data,
                            .out_type = type_});
  }

  double operations(const std::vector<Input>&) const override {
    double sum = 0;
    for (const Part& part : parts_) sum += operations_of(part, rows_, wants_x_ ? 1 : 0, 2);
    return sum;
  }

 private:
  // For d_xa [N, R] and a^T [R, in] of every part with an update.
  size_t scratch_floats() const {
    int64_t count = 0;
    for (const Part& part : parts_) count += (rows_ + part.weight.in) * part.rank;
    return static_cast<size_t>(count);
  }

  std::vector<Part> parts_;
  int64_t rows_;
  ScalarType type_;
  bool wants_x_;
};

// Outputs: y of each part, then xa = x a [N, R] of each part with an update, kept for the gradient.
class Linear final : public CpuPrimitive {
 public:
  Linear(std::vector<Part> parts, int64_t rows, ScalarType type)
      : parts_(std::move(parts)), rows_(rows), type_(type) {}

  const char* name() const override { return "Linear"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    size_t xa_at = parts_.size();
    std::vector<kernels::LowRankTerm> updates(parts_.size());
    std::vector<kernels::LinearProduct> products;
    int begin = 1;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const Places at(part, begin);
      begin = at.end;
      if (part.has_lora) {
        auto* xa = static_cast<float*>(outputs[xa_at++].data);
        lora_down(lora_shape(part, rows_, type_), data(inputs, at.x), floats(inputs, at.a), xa);
        updates[i] = {xa, floats(inputs, at.b), part.rank, part.scale};
      }
      products.push_back({bind(part.weight, inputs, at.weight), data(inputs, at.bias),
                          std::span(&updates[i], part.has_lora ? 1 : 0), outputs[i].data});
    }
    kernels::linear(products, {inputs[0].data, rows_, type_}, type_);
  }

  double operations(const std::vector<Input>&) const override {
    double sum = 0;
    for (const Part& part : parts_) sum += operations_of(part, rows_, 1, 1);
    return sum;
  }

  // y = x w^T + s (x a) b, so for a cotangent g of y:
  //   d_x = g w + s (g b^T) a^T,   d_a = s x^T (g b^T),   d_b = s (x a)^T g.
  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    const bool wants_x = std::find(argnums.begin(), argnums.end(), 0) != argnums.end();
    const auto primal = [&](int at) { return primals[static_cast<size_t>(at)]; };
    std::vector<mx::Shape> shapes;
    std::vector<mx::Dtype> dtypes;
    std::vector<int> gives;  // which argument an output is the gradient of
    const auto add_output = [&](int argument, mx::Dtype dtype) {
      shapes.push_back(primal(argument).shape());
      dtypes.push_back(dtype);
      gives.push_back(argument);
    };
    if (wants_x) add_output(0, primals[0].dtype());
    // Keeps only the arrays that are needed: x only for the updates.
    std::vector<mx::array> inputs;  // as BackwardPlaces has them
    size_t xa_at = parts_.size();
    int begin = 1;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const Places at(part, begin);
      begin = at.end;
      inputs.push_back(cotangents[i]);
      if (wants_x) {
        const auto from = primals.begin() + at.weight;
        inputs.insert(inputs.end(), from, from + part.weight_arrays);
      }
      if (!part.has_lora) continue;
      for (const int argument : {at.a, at.b, at.x}) inputs.push_back(primal(argument));
      inputs.push_back(outputs[xa_at++]);
      add_output(at.a, mx::float32);
      add_output(at.b, mx::float32);
      if (part.own_x) add_output(at.x, mx::float32);
    }
    auto node = std::make_shared<LinearBackward>(parts_, rows_, type_, wants_x);
    const std::vector<mx::array> gradients = apply(node, shapes, dtypes, std::move(inputs));

    std::vector<mx::array> results;
    for (int argument : argnums) {
      const auto found = std::find(gives.begin(), gives.end(), argument);
      if (found == gives.end()) fail("internal: the weights of a linear layer are frozen");
      results.push_back(gradients[static_cast<size_t>(found - gives.begin())]);
    }
    return results;
  }

 private:
  std::vector<Part> parts_;
  int64_t rows_;
  ScalarType type_;
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
              .has_lora = p.lora.has_value()};
    if (part.weight.in != x.shape(1)) {
      fail("internal: a linear layer of {} inputs is given {}", part.weight.in, x.shape(1));
    }
    inputs.insert(inputs.end(), weight.begin(), weight.end());
    if (p.bias) inputs.push_back(mx::astype(*p.bias, x.dtype()));
    if (p.lora) {
      part.rank = p.lora->a.shape(1);
      part.scale = p.lora->scale;
      part.own_x = p.lora->x.has_value();
      inputs.insert(inputs.end(), {p.lora->a, p.lora->b});
      if (part.own_x) inputs.push_back(*p.lora->x);
      xa_shapes.push_back({rows, part.rank});
    }
    shapes.push_back({rows, p.weight.out()});
    parts.push_back(part);
  }
  std::vector<mx::Dtype> dtypes(shapes.size(), x.dtype());
  dtypes.insert(dtypes.end(), xa_shapes.size(), mx::float32);
  shapes.insert(shapes.end(), xa_shapes.begin(), xa_shapes.end());
  auto node = std::make_shared<Linear>(std::move(parts), rows, scalar_type(x.dtype()));
  std::vector<mx::array> outputs = apply(node, shapes, dtypes, std::move(inputs));
  outputs.erase(outputs.begin() + static_cast<std::ptrdiff_t>(projections.size()), outputs.end());
  return outputs;
}

}  // namespace graft::ops::cpu
