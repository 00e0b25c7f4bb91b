#include "graft/ops/cpu/rope.h"

#include "graft/base/error.h"
#include "graft/kernels/rope.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// A rotation; its transpose, the gradient, is the rotation back.
class Rope final : public CpuPrimitive {
 public:
  Rope(const kernels::RopeShape& shape, bool inverse) : shape_(shape), inverse_(inverse) {}
  const char* name() const override { return "Rope"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::rope(shape_, in[0].data, static_cast<const float*>(in[1].data),
                  static_cast<const float*>(in[2].data), inverse_, out[0].data);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>&) override {
    if (argnums.size() != 1 || argnums[0] != 0) fail("internal: RoPE's angles are constants");
    return apply(std::make_shared<Rope>(shape_, !inverse_), {primals[0].shape()},
                 {primals[0].dtype()}, {cotangents[0], primals[1], primals[2]});
  }

 private:
  kernels::RopeShape shape_;
  bool inverse_;
};

}  // namespace

mx::array rope(const mx::array& x, const RopeTable& table, int head_dim) {
  kernels::RopeShape shape{x.shape(0), x.shape(1) / head_dim, head_dim, table.rotary_dim(),
                           scalar_type(x.dtype())};
  return apply(std::make_shared<Rope>(shape, false), {x.shape()}, {x.dtype()},
               {x, table.cos, table.sin})[0];
}

}  // namespace graft::ops::cpu
