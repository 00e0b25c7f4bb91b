#include "graft/ops/cpu/expert_linear.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/kernels/group_gradients.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/weight_gradient.h"
#include "graft/ops/cpu/adapted_linear.h"
#include "graft/ops/cpu/gradients.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

using kernels::LinearWeight;
using kernels::ScalarType;

// A projection of the node. Weights that are not trained are constants of the node and not its
// inputs: there may be hundreds of arrays, of which a token needs a few.
struct ExpertPart {
  std::shared_ptr<const ExpertWeights> weights;
  LinearWeight shape;  // of each, without its data
  bool own_x = false;  // the update has an x of its own: with dropout
  int rank = 0;        // of the update, or 0
  float scale = 0;
  int weight_arrays = 0;  // among the inputs: those of weights that are trained
  bool wants_weights = false;

  bool has_lora() const { return rank > 0; }

  int64_t groups() const { return shape.in / shape.matrix.group_size; }  // of a row
  // The gradients of its weights: of a quantized stack those of scales and biases.
  size_t weight_gradients() const {
    return shape.quantized ? 2 : static_cast<size_t>(weight_arrays);
  }

  // The place of an expert's matrix in its array, one of all or one of many.
  int64_t row_in_array(int expert) const { return weight_arrays == 1 ? expert * shape.out : 0; }
  size_t array_of(int expert) const { return weight_arrays == 1 ? 0 : static_cast<size_t>(expert); }

  // `arrays` are the inputs of weights that are trained.
  LinearWeight weight(int expert, const Input* arrays) const {
    if (weight_arrays > 0 && shape.quantized) {
      LinearWeight one = shape;
      const int64_t first = expert * shape.out;
      const auto of_groups = [&](size_t array) {
        return static_cast<const char*>(arrays[array].data) +
               static_cast<size_t>(first * groups()) * kernels::size_of(shape.matrix.scale_type);
      };
      one.matrix.weight =
          static_cast<const uint32_t*>(arrays[0].data) + first * shape.in * shape.matrix.bits / 32;
      one.matrix.scales = of_groups(1);
      one.matrix.biases = of_groups(2);
      return one;
    }
    if (weight_arrays > 0) {
      LinearWeight one = shape;
      one.data =
          static_cast<const char*>(arrays[array_of(expert)].data) +
          static_cast<size_t>(row_in_array(expert) * shape.in) * kernels::size_of(shape.type);
      return one;
    }
    const Weight& w = weights->each[static_cast<size_t>(expert)];
    std::vector<Input> inputs;
    for (const mx::array& a : w.arrays()) {
      if (!a.is_available() || !a.flags().row_contiguous) {
        fail("internal: the weights of experts are not in memory, row by row");
      }
      inputs.push_back({a.data<char>()});
    }
    return cpu::bind(shape, inputs, 0);
  }
};

// Rows that go to the same expert.
struct Group {
  int expert;
  int64_t begin, rows;
};

std::vector<Group> groups_of(const int32_t* experts, int64_t rows) {
  std::vector<Group> groups;
  for (int64_t begin = 0, end = 0; begin < rows; begin = end) {
    while (end < rows && experts[end] == experts[begin]) ++end;
    groups.push_back({experts[begin], begin, end - begin});
  }
  return groups;
}

// Row `row` of values [N, width].
template <class T>
T* at_row(T* values, int64_t row, int64_t width) {
  return values + row * width;
}
const void* at_row(const void* values, int64_t row, int64_t width, ScalarType type) {
  return static_cast<const char*>(values) +
         static_cast<size_t>(row * width) * kernels::size_of(type);
}
void* at_row(void* values, int64_t row, int64_t width, ScalarType type) {
  return static_cast<char*>(values) + static_cast<size_t>(row * width) * kernels::size_of(type);
}

// The arrays of a part's update among the inputs or outputs of a node.
struct PartUpdate {
  const void* x = nullptr;
  const float *a = nullptr, *b = nullptr;

  // That of an expert for rows from `begin` on; a and b are turned to [in, R] and [R, out] in
  // `room`, which is moved on.
  RowsAdapter of(const ExpertPart& part, const Group& group, ScalarType type, float*& room) const {
    const auto [out, in] = std::pair(part.shape.out, part.shape.in);
    RowsAdapter adapter{part.rank, part.scale, at_row(x, group.begin, in, type)};
    float* turned_a = std::exchange(room, room + in * part.rank);
    float* turned_b = std::exchange(room, room + out * part.rank);
    kernels::transpose(a + group.expert * part.rank * in, part.rank, in, turned_a);
    kernels::transpose(b + group.expert * part.rank * out, out, part.rank, turned_b);
    adapter.a = turned_a;
    adapter.b = turned_b;
    return adapter;
  }
};

int64_t adapter_floats(const std::vector<ExpertPart>& parts) {
  int64_t count = 0;
  for (const ExpertPart& part : parts) count += part.rank * (part.shape.in + part.shape.out);
  return count;
}

std::vector<RowsShape> shapes_of(const std::vector<ExpertPart>& parts) {
  std::vector<RowsShape> shapes;
  for (const ExpertPart& part : parts) shapes.push_back({part.shape, part.rank});
  return shapes;
}

// As if all experts that the rows reach were unpacked for equally many of them.
Work work_of_experts(const std::vector<ExpertPart>& parts, int64_t rows, int products,
                     int updates) {
  Work work = projection_work(shapes_of(parts), rows, products, updates);
  work.unpacked = 0;
  for (const ExpertPart& part : parts) {
    const int64_t experts = std::min(std::ssize(part.weights->each), rows);
    if (experts == 0) continue;
    work.unpacked += static_cast<double>(part.shape.in * part.shape.out) * products *
                     static_cast<double>(experts * kernels::panel_passes(rows / experts + 1));
  }
  return work;
}

double operations_of_experts(const std::vector<ExpertPart>& parts, int64_t rows, int products,
                             int updates) {
  double sum = 0;
  for (const ExpertPart& part : parts) {
    sum += projection_operations(part.shape, part.rank, rows, products, updates);
  }
  return sum;
}

// Gradients of the node below. Inputs: experts [N]; of each part d_y and, with an update, its x, a,
// b and xa; then its weights that are trained and, for their gradients, x. Outputs: d_x if wanted,
// then for each part with an update d_a, d_b and, if it has an x of its own, that one's d_x, then
// those of its weights that are wanted.
class ExpertLinearBackward final : public CpuPrimitive {
 public:
  ExpertLinearBackward(std::vector<ExpertPart> parts, int64_t rows, ScalarType type, bool wants_x)
      : parts_(std::move(parts)), rows_(rows), type_(type), wants_x_(wants_x) {}

  const char* name() const override { return "ExpertLinearBackward"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    const std::vector<Bound> bound = bind_parts(inputs, outputs);
    static thread_local kernels::GrownBuffer scratch;
    float* const room = scratch.get_as<float>(static_cast<size_t>(2 * adapter_floats(parts_)));
    const std::vector<Group> groups = groups_of(static_cast<const int32_t*>(inputs[0].data), rows_);
    clear_unused(bound, groups);
    for (const Group& group : groups) run_group(bound, group, room, outputs);
  }

  double operations(const std::vector<Input>&) const override {
    return operations_of_experts(parts_, rows_, wants_x_ ? 1 : 0, 2) + weight_operations();
  }

  Work work(const std::vector<Input>&) const override {
    Work work = work_of_experts(parts_, rows_, wants_x_ ? 1 : 0, 2);
    work.products += weight_operations();
    return work;
  }

  // As if one expert had all rows: which it has depends on the text.
  Scratch scratch(const std::vector<Input>&) const override {
    Scratch all = projection_backward_scratch(shapes_of(parts_), rows_, type_, wants_x_);
    all.own += static_cast<size_t>(2 * adapter_floats(parts_)) * sizeof(float);
    size_t dense = 0;  // the gradient of a quantized matrix
    for (const ExpertPart& part : parts_) {
      if (!part.wants_weights) continue;
      all.shared =
          std::max(all.shared, kernels::weight_gradient_scratch(rows_, part.shape.out, type_));
      if (part.shape.quantized) dense = std::max(dense, elements(part) * sizeof(float));
    }
    all.own += dense;
    return all;
  }

 private:
  static size_t elements(const ExpertPart& part) {
    return static_cast<size_t>(part.shape.out) * static_cast<size_t>(part.shape.in);
  }

  // The arrays of a part.
  struct Bound {
    const void* d_y;
    PartUpdate update = {};
    const float* xa = nullptr;
    float *d_a = nullptr, *d_b = nullptr, *d_x = nullptr;
    const Input* weights = nullptr;
    const void* x = nullptr;
    const Output* d_weights = nullptr;
  };

  double weight_operations() const {
    double sum = 0;
    for (const ExpertPart& part : parts_) {
      if (part.wants_weights) sum += projection_operations(part.shape, 0, rows_, 1, 0);
    }
    return sum;
  }

  static float* d_weight_of(const ExpertPart& part, const Bound& bound, int expert) {
    return static_cast<float*>(bound.d_weights[part.array_of(expert)].data) +
           part.row_in_array(expert) * part.shape.in;
  }
  // Of scales (0) or biases (1).
  static float* d_groups_of(const ExpertPart& part, const Bound& bound, int expert, size_t which) {
    return static_cast<float*>(bound.d_weights[which].data) +
           expert * part.shape.out * part.groups();
  }

  static void clear_weights(const ExpertPart& part, const Bound& bound, int expert) {
    if (!part.shape.quantized) {
      std::fill_n(d_weight_of(part, bound, expert), part.shape.out * part.shape.in, 0.0f);
      return;
    }
    for (const size_t which : {size_t{0}, size_t{1}}) {
      std::fill_n(d_groups_of(part, bound, expert, which), part.shape.out * part.groups(), 0.0f);
    }
  }

  void add_weight_gradient(const ExpertPart& part, const Bound& bound, const Group& group,
                           const void* d_y) const {
    const auto into = [&](float* d_weight) {
      kernels::weight_gradient({group.rows, part.shape.out, part.shape.in, type_, d_y,
                                at_row(bound.x, group.begin, part.shape.in, type_)},
                               d_weight);
    };
    if (!part.shape.quantized) return into(d_weight_of(part, bound, group.expert));
    static thread_local kernels::GrownBuffer buffer;
    auto* const dense = buffer.get_as<float>(elements(part));
    into(dense);
    kernels::group_gradients(part.weight(group.expert, bound.weights).matrix, dense,
                             d_groups_of(part, bound, group.expert, 0),
                             d_groups_of(part, bound, group.expert, 1));
  }

  std::vector<Bound> bind_parts(const std::vector<Input>& inputs,
                                const std::vector<Output>& outputs) const {
    size_t in = 1, out = wants_x_ ? 1 : 0;
    const auto input = [&] { return inputs[in++].data; };
    const auto floats = [&] { return static_cast<const float*>(input()); };
    const auto output = [&] { return static_cast<float*>(outputs[out++].data); };
    std::vector<Bound> bound;
    for (const ExpertPart& part : parts_) {
      Bound b{.d_y = input()};
      if (part.has_lora()) {
        b.update.x = input();
        b.update.a = floats();
        b.update.b = floats();
        b.xa = floats();
        b.d_a = output();
        b.d_b = output();
        if (part.own_x) b.d_x = output();
      }
      b.weights = inputs.data() + in;
      in += static_cast<size_t>(part.weight_arrays);
      if (part.wants_weights) {
        b.x = input();
        b.d_weights = outputs.data() + out;
        out += part.weight_gradients();
      }
      bound.push_back(b);
    }
    return bound;
  }

  // Experts without rows have no gradient.
  void clear_unused(const std::vector<Bound>& bound, const std::vector<Group>& groups) const {
    for (size_t i = 0; i < parts_.size(); ++i) {
      const ExpertPart& part = parts_[i];
      const int64_t a_size = part.rank * part.shape.in, b_size = part.rank * part.shape.out;
      int expert = 0;
      const auto clear_to = [&](int end) {
        if (part.has_lora()) {
          std::fill(bound[i].d_a + expert * a_size, bound[i].d_a + end * a_size, 0.0f);
          std::fill(bound[i].d_b + expert * b_size, bound[i].d_b + end * b_size, 0.0f);
        }
        for (; part.wants_weights && expert < end; ++expert) {
          clear_weights(part, bound[i], expert);
        }
        expert = end + 1;
      };
      for (const Group& group : groups) clear_to(group.expert);
      clear_to(static_cast<int>(part.weights->each.size()));
    }
  }

  void run_group(const std::vector<Bound>& bound, const Group& group, float* room,
                 const std::vector<Output>& outputs) const {
    std::vector<RowsGradient> gradients;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const ExpertPart& part = parts_[i];
      RowsGradient g{.weight = wants_x_ ? part.weight(group.expert, bound[i].weights) : part.shape,
                     .d_y = at_row(bound[i].d_y, group.begin, part.shape.out, type_)};
      if (part.has_lora()) {
        g.adapter = bound[i].update.of(part, group, type_, room);
        g.xa = at_row(bound[i].xa, group.begin, part.rank);
        g.d_a = std::exchange(room, room + part.shape.in * part.rank);
        g.d_b = std::exchange(room, room + part.shape.out * part.rank);
        if (part.own_x) g.d_adapter_x = at_row(bound[i].d_x, group.begin, part.shape.in);
      }
      if (part.wants_weights) add_weight_gradient(part, bound[i], group, g.d_y);
      gradients.push_back(g);
    }
    void* d_x = nullptr;
    if (wants_x_) d_x = at_row(outputs[0].data, group.begin, parts_[0].shape.in, type_);
    project_rows_backward(gradients, group.rows, type_, d_x);
    for (size_t i = 0; i < parts_.size(); ++i) {
      const auto [in, out, rank] =
          std::tuple(parts_[i].shape.in, parts_[i].shape.out, int64_t{parts_[i].rank});
      if (rank == 0) continue;
      kernels::transpose(gradients[i].d_a, in, rank, bound[i].d_a + group.expert * rank * in);
      kernels::transpose(gradients[i].d_b, rank, out, bound[i].d_b + group.expert * rank * out);
    }
  }

  std::vector<ExpertPart> parts_;
  int64_t rows_;
  ScalarType type_;
  bool wants_x_;
};

// Inputs: x [N, in], experts [N], then of each part with an update a, b and, if it has one, its own
// x, and its weights that are trained. Outputs: y of each part, then xa = x a^T [N, R] of each with
// an update, kept for the gradient.
class ExpertLinear final : public CpuPrimitive {
 public:
  ExpertLinear(std::vector<ExpertPart> parts, int64_t rows, ScalarType type)
      : parts_(std::move(parts)), rows_(rows), type_(type) {}

  const char* name() const override { return "ExpertLinear"; }

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) const override {
    static thread_local kernels::GrownBuffer scratch;
    float* const room = scratch.get_as<float>(static_cast<size_t>(adapter_floats(parts_)));
    for (const Group& group : groups_of(static_cast<const int32_t*>(inputs[1].data), rows_)) {
      run_group(inputs, group, room, outputs);
    }
  }

  double operations(const std::vector<Input>&) const override {
    return operations_of_experts(parts_, rows_, 1, 1);
  }

  Work work(const std::vector<Input>&) const override {
    return work_of_experts(parts_, rows_, 1, 1);
  }

  Scratch scratch(const std::vector<Input>&) const override {
    Scratch all = projection_scratch(shapes_of(parts_), rows_, type_);
    all.own += static_cast<size_t>(adapter_floats(parts_)) * sizeof(float);
    return all;
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    Gradients gradients(primals, argnums);
    const bool wants_x = gradients.wants(0);
    if (wants_x) gradients.add(0, primals[0].dtype());
    std::vector<ExpertPart> parts = parts_;
    std::vector<mx::array> inputs = {primals[1]};
    size_t xa_at = parts.size();
    int next = 2;
    for (size_t i = 0; i < parts.size(); ++i) {
      ExpertPart& part = parts[i];
      inputs.push_back(cotangents[i]);
      if (part.has_lora()) {
        const int a = next++, b = next++, x = part.own_x ? next++ : 0;
        for (const int argument : {x, a, b}) {
          inputs.push_back(primals[static_cast<size_t>(argument)]);
        }
        inputs.push_back(outputs[xa_at++]);
        gradients.add(a, mx::float32);
        gradients.add(b, mx::float32);
        if (part.own_x) gradients.add(x, mx::float32);
      }
      const int first = std::exchange(next, next + part.weight_arrays);
      const int trained = part.shape.quantized ? first + 1 : first;  // behind the codes
      for (int at = first; at < next; ++at) {
        inputs.push_back(primals[static_cast<size_t>(at)]);
        part.wants_weights = part.wants_weights || (at >= trained && gradients.wants(at));
      }
      if (!part.wants_weights) continue;
      inputs.push_back(primals[0]);
      for (int at = trained; at < next; ++at) gradients.add(at, mx::float32);
    }
    return gradients.of(
        std::make_shared<ExpertLinearBackward>(std::move(parts), rows_, type_, wants_x),
        std::move(inputs));
  }

 private:
  void run_group(const std::vector<Input>& inputs, const Group& group, float* room,
                 const std::vector<Output>& outputs) const {
    std::vector<RowsProjection> projections;
    size_t next = 2, xa_at = parts_.size();
    for (size_t i = 0; i < parts_.size(); ++i) {
      const ExpertPart& part = parts_[i];
      RowsProjection p{.weight = part.shape,
                       .y = at_row(outputs[i].data, group.begin, part.shape.out, type_)};
      if (part.has_lora()) {
        const auto* a = static_cast<const float*>(inputs[next++].data);
        const auto* b = static_cast<const float*>(inputs[next++].data);
        const PartUpdate update{inputs[part.own_x ? next++ : 0].data, a, b};
        p.adapter = update.of(part, group, type_, room);
        p.xa = at_row(static_cast<float*>(outputs[xa_at++].data), group.begin, part.rank);
      }
      p.weight = part.weight(group.expert, inputs.data() + next);
      next += static_cast<size_t>(part.weight_arrays);
      projections.push_back(p);
    }
    project_rows(projections, {at_row(inputs[0].data, group.begin, parts_[0].shape.in, type_),
                               group.rows, type_});
  }

  std::vector<ExpertPart> parts_;
  int64_t rows_;
  ScalarType type_;
};

}  // namespace

std::vector<mx::array> expert_linear(const mx::array& x, const mx::array& experts,
                                     const std::vector<ExpertProjection>& projections) {
  const int rows = x.shape(0);
  std::vector<mx::array> inputs = {x, experts};
  std::vector<ExpertPart> parts;
  std::vector<mx::Shape> shapes, xa_shapes;
  for (const ExpertProjection& p : projections) {
    ExpertPart part{.weights = p.weights, .shape = describe(p.weights->each.front())};
    if (part.shape.in != x.shape(1)) {
      fail("internal: experts of {} inputs are given {}", part.shape.in, x.shape(1));
    }
    if (p.lora) {
      part.rank = p.lora->a.shape(1);
      part.scale = p.lora->scale;
      part.own_x = p.lora->x.has_value();
      inputs.insert(inputs.end(), {p.lora->a, p.lora->b});
      if (part.own_x) inputs.push_back(*p.lora->x);
      xa_shapes.push_back({rows, part.rank});
    }
    if (p.weights->trained) {
      const size_t before = inputs.size();
      if (part.shape.quantized) {
        const Weight& stack = p.weights->stack.value();
        part.shape.matrix.scale_type = scalar_type(stack.scales->dtype());
        inputs.insert(inputs.end(), {stack.weight, *stack.scales, stack.biases.value()});
      } else if (p.weights->stack) {
        inputs.push_back(p.weights->stack->weight);
      } else {
        for (const Weight& w : p.weights->each) inputs.push_back(w.weight);
      }
      part.weight_arrays = static_cast<int>(inputs.size() - before);
    }
    shapes.push_back({rows, static_cast<int>(part.shape.out)});
    parts.push_back(std::move(part));
  }
  return apply_projections(
      std::make_shared<ExpertLinear>(std::move(parts), rows, scalar_type(x.dtype())),
      std::move(shapes), xa_shapes, x.dtype(), std::move(inputs));
}

}  // namespace graft::ops::cpu
