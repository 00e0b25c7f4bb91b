#include "graft/ops/cpu/norm_of.h"

#include "graft/kernels/norm_of.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

class NormOf final : public CpuPrimitive {
 public:
  explicit NormOf(int64_t count) : count_(count) {}
  const char* name() const override { return "NormOf"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    *static_cast<float*>(out[0].data) =
        static_cast<float>(kernels::norm_of(static_cast<const float*>(in[0].data), count_));
  }

 private:
  int64_t count_;
};

}  // namespace

mx::array norm_of(const mx::array& x) {
  return apply(std::make_shared<NormOf>(static_cast<int64_t>(x.size())), {{}}, {mx::float32},
               {x})[0];
}

}  // namespace graft::ops::cpu
