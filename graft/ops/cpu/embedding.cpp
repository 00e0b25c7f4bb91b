#include "graft/ops/cpu/embedding.h"

#include "graft/kernels/embedding.h"
#include "graft/ops/cpu/gradients.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/cpu/weight.h"

namespace graft::ops::cpu {
namespace {

// The gradient of a dense weight, f32. Inputs: ids, that of the rows.
class EmbeddingBackward final : public CpuPrimitive {
 public:
  EmbeddingBackward(const kernels::LinearWeight& weight, int64_t count, kernels::ScalarType type)
      : weight_(weight), count_(count), type_(type) {}
  const char* name() const override { return "EmbeddingBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::embedding_gradient(static_cast<const int32_t*>(in[0].data), count_, in[1].data, type_,
                                weight_.out, weight_.in, static_cast<float*>(out[0].data));
  }

 private:
  kernels::LinearWeight weight_;
  int64_t count_;
  kernels::ScalarType type_;
};

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

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>&) override {
    Gradients gradients(primals, argnums);
    if (!weight_.quantized && gradients.wants(1)) gradients.add(1, mx::float32);
    return gradients.of(std::make_shared<EmbeddingBackward>(weight_, count_, type_),
                        {primals[0], cotangents[0]});
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
