#include "graft/ops/cpu/adafactor.h"

#include "graft/kernels/adafactor.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gradient, parameter, row, col, and m where there is one. Outputs: all but the gradient.
class AdafactorStep final : public CpuPrimitive {
 public:
  AdafactorStep(const AdafactorOptions& o, const mx::Shape& shape)
      : options_{.rate = o.rate,
                 .keep = o.keep,
                 .eps = o.eps,
                 .scale_eps = o.scale_eps,
                 .clip_threshold = o.clip_threshold,
                 .weight_decay = o.weight_decay,
                 .scale_parameter = o.scale_parameter,
                 .beta1 = o.beta1},
        rows_(shape.end()[-2]),
        columns_(shape.end()[-1]) {
    for (size_t i = 0; i + 2 < shape.size(); ++i) count_ *= shape[i];
  }
  const char* name() const override { return "AdafactorStep"; }
  int in_place_of(size_t output) const override { return static_cast<int>(output) + 1; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    auto from = [&](size_t i) {
      return i < in.size() ? static_cast<const float*>(in[i].data) : nullptr;
    };
    auto to = [&](size_t i) { return i < out.size() ? static_cast<float*>(out[i].data) : nullptr; };
    kernels::adafactor_update(options_, count_, rows_, columns_, from(0),
                              {from(1), from(2), from(3), from(4)}, {to(0), to(1), to(2), to(3)});
  }

  Scratch scratch(const std::vector<Input>&) const override {
    return {.shared = kernels::adafactor_scratch_bytes(count_ * rows_, count_ * columns_)};
  }

 private:
  kernels::AdafactorOptions options_;
  int64_t count_ = 1, rows_, columns_;
};

}  // namespace

AdafactorState adafactor_step(const AdafactorState& s, const mx::array& gradient,
                              const AdafactorOptions& options) {
  auto node = std::make_shared<AdafactorStep>(options, gradient.shape());
  std::vector<mx::Shape> shapes = {gradient.shape(), s.row.shape(), s.col.shape()};
  std::vector<mx::array> inputs = {gradient, s.parameter, s.row, s.col};
  if (s.m) {
    shapes.push_back(gradient.shape());
    inputs.push_back(*s.m);
  }
  auto out = apply(node, shapes, std::vector<mx::Dtype>(shapes.size(), mx::float32), inputs);
  return {out[0], out[1], out[2], s.m ? std::optional(out[3]) : std::nullopt};
}

}  // namespace graft::ops::cpu
