#include "graft/ops/cpu/embedding.h"

#include "graft/kernels/embedding.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

// Inputs: ids, the weight's arrays. Output: their rows.
class Embedding final : public CpuPrimitive {
 public:
  Embedding(const kernels::LinearWeight& weight, int64_t count, kernels::ScalarType type)
      : weight_(weight), count_(count), type_(type) {}
  const char* name() const override { return "Embedding"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::embedding(bind(weight_, in, 1), static_cast<const int32_t*>(in[0].data), count_, type_,
                       out[0].data);
  }

 private:
  kernels::LinearWeight weight_;
  int64_t count_;
  kernels::ScalarType type_;
};

}  // namespace

mx::array embedding(const mx::array& ids, const Weight& w, mx::Dtype dtype) {
  auto node = std::make_shared<Embedding>(describe(w), ids.shape(0), scalar_type(dtype));
  std::vector<mx::array> inputs = {ids};
  for (const mx::array& part : w.arrays()) inputs.push_back(part);
  return apply(node, {{ids.shape(0), w.in()}}, {dtype}, std::move(inputs))[0];
}

}  // namespace graft::ops::cpu
