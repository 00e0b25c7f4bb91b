#include "graft/ops/cpu/linear.h"

#include <mlx/ops.h>

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

// A projection, with its arrays named by their places among the node's inputs; -1: there is none.
struct Part {
  LinearWeight weight;  // its pointers are filled in when the node runs
  int weight_at = -1, bias_at = -1, a_at = -1, b_at = -1, x_at = 0;
  bool own_x = false;  // the update has an x of its own: with dropout
  int rank = 0;
  float scale = 0;

  bool has_lora() const { return a_at >= 0; }
};

const float* floats(const std::vector<Input>& inputs, int at) {
  return static_cast<const float*>(inputs[static_cast<size_t>(at)].data);
}

Part describe_part(const Projection& p) {
  Part part;
  part.weight = describe(p.weight);
  if (p.lora) {
    part.rank = p.lora->a.shape(1);
    part.scale = p.lora->scale;
  }
  return part;
}

int append(std::vector<mx::array>& inputs, const std::vector<mx::array>& more) {
  int at = static_cast<int>(inputs.size());
  inputs.insert(inputs.end(), more.begin(), more.end());
  return at;
}

LoraShape lora_shape(const Part& part, int64_t rows, ScalarType type) {
  return {rows, part.weight.in, part.weight.out, part.rank, type};
}

// Multiplications and additions of `products` products with the weight, and `updates` with one of
// the two matrices of its update.
double operations_of(const Part& part, int64_t rows, int products, int updates) {
  const auto n = static_cast<double>(rows), in = static_cast<double>(part.weight.in);
  const auto out = static_cast<double>(part.weight.out);
  return 2 * n * (products * in * out + updates * part.rank * (in + out));
}

// Gradients of the node below. Inputs: the d_y of the parts, then those of the node's own that are
// needed, then its xa. Outputs: d_x if wanted, then for each part with an update d_a, d_b and, if
// it has one, its own d_x.
class LinearBackward final : public CpuPrimitive {
 public:
  LinearBackward(std::vector<Part> parts, int64_t rows, ScalarType type, bool wants_x, int xa_at)
      : parts_(std::move(parts)), rows_(rows), type_(type), wants_x_(wants_x), xa_at_(xa_at) {}

  const char* name() const override { return "LinearBackward"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    static thread_local kernels::GrownBuffer scratch;
    float* room = scratch.get_as<float>(scratch_floats());
    size_t next = wants_x_ ? 1 : 0;
    int xa_at = xa_at_;
    std::vector<kernels::ProductTerm> terms;
    std::vector<kernels::LowRankTerm> low_rank;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      const void* d_y = inputs[i].data;
      if (wants_x_) {
        terms.push_back({d_y, type_, bind(part.weight, inputs, part.weight_at), false});
      }
      if (!part.has_lora()) continue;
      const LoraShape shape = lora_shape(part, rows_, type_);
      auto* d_a = static_cast<float*>(outputs[next++].data);
      auto* d_b = static_cast<float*>(outputs[next++].data);
      float* d_xa = std::exchange(room, room + rows_ * part.rank);
      lora_backward(shape, inputs[static_cast<size_t>(part.x_at)].data, floats(inputs, xa_at++),
                    floats(inputs, part.b_at), part.scale, d_y, d_a, d_b, d_xa);
      float* transposed_a = std::exchange(room, room + shape.in * part.rank);
      kernels::lora_transpose(shape, floats(inputs, part.a_at), transposed_a);
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
  int xa_at_;
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
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& part = parts_[i];
      if (part.has_lora()) {
        auto* xa = static_cast<float*>(outputs[xa_at++].data);
        lora_down(lora_shape(part, rows_, type_), inputs[static_cast<size_t>(part.x_at)].data,
                  floats(inputs, part.a_at), xa);
        updates[i] = {xa, floats(inputs, part.b_at), part.rank, part.scale};
      }
      products.push_back(
          {bind(part.weight, inputs, part.weight_at),
           part.bias_at < 0 ? nullptr : inputs[static_cast<size_t>(part.bias_at)].data,
           std::span(&updates[i], part.has_lora() ? 1 : 0), outputs[i].data});
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
    int count = static_cast<int>(parts_.size());
    bool wants_x = false;
    for (int argument : argnums) wants_x |= argument == 0;

    std::vector<mx::Shape> shapes;
    std::vector<mx::Dtype> dtypes;
    std::vector<int> gives;  // which argument an output is the gradient of
    auto add_output = [&](int argument, mx::Dtype dtype) {
      shapes.push_back(primals[static_cast<size_t>(argument)].shape());
      dtypes.push_back(dtype);
      gives.push_back(argument);
    };
    if (wants_x) add_output(0, primals[0].dtype());
    // What is not needed is not held on to: x is kept for the updates' sake alone.
    std::vector<mx::array> inputs(cotangents.begin(), cotangents.begin() + count);
    auto take = [&](int& at, int arrays) {
      auto from = primals.begin() + at;
      at = append(inputs, {from, from + arrays});
    };
    std::vector<Part> parts = parts_;
    for (Part& part : parts) {
      if (wants_x) take(part.weight_at, part.weight.quantized ? 3 : 1);
      if (!part.has_lora()) continue;
      add_output(part.a_at, mx::float32);
      add_output(part.b_at, mx::float32);
      if (part.own_x) add_output(part.x_at, mx::float32);
      for (int* at : {&part.a_at, &part.b_at, &part.x_at}) take(*at, 1);
    }
    int xa_at = append(inputs, {outputs.begin() + count, outputs.end()});
    auto node = std::make_shared<LinearBackward>(std::move(parts), rows_, type_, wants_x, xa_at);
    std::vector<mx::array> gradients = apply(node, shapes, dtypes, std::move(inputs));

    std::vector<mx::array> results;
    for (int argument : argnums) {
      size_t at = 0;
      while (at < gives.size() && gives[at] != argument) ++at;
      if (at == gives.size()) fail("internal: the weights of a linear layer are frozen");
      results.push_back(gradients[at]);
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
  std::vector<mx::array> inputs = {x};
  std::vector<Part> parts;
  std::vector<mx::Shape> shapes, xa_shapes;
  int rows = x.shape(0);
  for (const Projection& p : projections) {
    Part part = describe_part(p);
    if (part.weight.in != x.shape(1)) {
      fail("internal: a linear layer of {} inputs is given {}", part.weight.in, x.shape(1));
    }
    part.weight_at = append(inputs, p.weight.arrays());
    if (p.bias) part.bias_at = append(inputs, {mx::astype(*p.bias, x.dtype())});
    if (p.lora) {
      part.a_at = append(inputs, {p.lora->a});
      part.b_at = append(inputs, {p.lora->b});
      part.own_x = p.lora->x.has_value();
      if (part.own_x) part.x_at = append(inputs, {*p.lora->x});
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
