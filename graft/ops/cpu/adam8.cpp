#include "graft/ops/cpu/adam8.h"

#include "graft/kernels/adam8.h"
#include "graft/ops/cpu/adam.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gradient, parameter, m's codes and largest, v's. Outputs: the new ones of all but the
// gradient.
class Adam8Step final : public CpuPrimitive {
 public:
  Adam8Step(const AdamOptions& options, int64_t count)
      : options_(kernel_options(options)), count_(count) {}
  const char* name() const override { return "Adam8Step"; }
  int in_place_of(size_t output) const override { return static_cast<int>(output) + 1; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    auto numbers = [&](size_t i) { return static_cast<const float*>(in[i].data); };
    auto coded = [&](size_t i) {
      return kernels::CodedInput{static_cast<const uint8_t*>(in[i].data), numbers(i + 1)};
    };
    auto to = [&](size_t i) { return static_cast<float*>(out[i].data); };
    auto to_coded = [&](size_t i) {
      return kernels::CodedOutput{static_cast<uint8_t*>(out[i].data), to(i + 1)};
    };
    kernels::adam8_update(options_, count_, numbers(0), numbers(1), coded(2), coded(4), to(0),
                          to_coded(1), to_coded(3));
  }

 private:
  kernels::AdamOptions options_;
  int64_t count_;
};

}  // namespace

Adam8State adam8_step(const Adam8State& s, const mx::array& gradient, const AdamOptions& options) {
  auto node = std::make_shared<Adam8Step>(options, static_cast<int64_t>(gradient.size()));
  const mx::Shape &shape = gradient.shape(), &blocks = s.m.largest.shape();
  auto out = apply(node, {shape, shape, blocks, shape, blocks},
                   {mx::float32, mx::uint8, mx::float32, mx::uint8, mx::float32},
                   {gradient, s.parameter, s.m.codes, s.m.largest, s.v.codes, s.v.largest});
  return {out[0], {out[1], out[2]}, {out[3], out[4]}};
}

}  // namespace graft::ops::cpu
