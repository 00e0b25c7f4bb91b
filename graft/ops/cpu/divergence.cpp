#include "graft/ops/cpu/divergence.h"

#include "graft/kernels/divergence.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

class RowDivergence final : public CpuPrimitive {
 public:
  RowDivergence(int64_t rows, int64_t count) : rows_(rows), count_(count) {}
  const char* name() const override { return "Divergence"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    const auto floats = [&](size_t i) { return static_cast<const float*>(in[i].data); };
    kernels::divergence({rows_, count_, floats(0), floats(1), floats(2)},
                        static_cast<float*>(out[0].data),
                        out.size() > 1 ? static_cast<float*>(out[1].data) : nullptr);
  }

 private:
  int64_t rows_, count_;
};

}  // namespace

Divergence divergence(const mx::array& predicted, const mx::array& wanted, const mx::array& weights,
                      bool with_gradient) {
  const int rows = predicted.shape(0), count = predicted.shape(1);
  std::vector<mx::Shape> shapes = {{rows}};
  if (with_gradient) shapes.push_back({rows, count});
  std::vector<mx::Dtype> dtypes(shapes.size(), mx::float32);
  const auto outputs = apply(std::make_shared<RowDivergence>(rows, count), std::move(shapes),
                             std::move(dtypes), {predicted, wanted, weights});
  Divergence result{outputs[0], {}};
  if (with_gradient) result.gradient = outputs[1];
  return result;
}

}  // namespace graft::ops::cpu
