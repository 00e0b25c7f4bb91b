#include "graft/ops/cpu/muon.h"

#include <algorithm>

#include "graft/kernels/muon.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

// Inputs: gradient, parameter, v. Outputs: the new parameter, v.
class MuonStep final : public CpuPrimitive {
 public:
  MuonStep(const MuonOptions& options, float step, int64_t rows, int64_t columns)
      : options_{.step = step,
                 .momentum = options.momentum,
                 .weight_decay = options.weight_decay,
                 .nesterov = options.nesterov,
                 .iterations = options.iterations},
        rows_(rows),
        columns_(columns) {}
  const char* name() const override { return "MuonStep"; }
  int in_place_of(size_t output) const override { return static_cast<int>(output) + 1; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    auto from = [&](size_t i) { return static_cast<const float*>(in[i].data); };
    auto to = [&](size_t i) { return static_cast<float*>(out[i].data); };
    kernels::muon_update(options_, rows_, columns_, from(0), from(1), from(2), to(0), to(1));
  }

  Scratch scratch(const std::vector<Input>&) const override {
    return {.shared = kernels::muon_scratch_bytes(rows_, columns_)};
  }

 private:
  kernels::MuonOptions options_;
  int64_t rows_, columns_;
};

int64_t columns_of(const mx::array& parameter) {
  return static_cast<int64_t>(parameter.size()) / std::max(parameter.shape(0), 1);
}

}  // namespace

bool muon_fits(const mx::array& parameter) {
  const int64_t side = std::min<int64_t>(parameter.shape(0), columns_of(parameter));
  return side > 0 && side <= kernels::kMuonMostSide;
}

MuonState muon_step(const MuonState& s, const mx::array& gradient, const MuonOptions& options,
                    float step) {
  auto node =
      std::make_shared<MuonStep>(options, step, s.parameter.shape(0), columns_of(s.parameter));
  auto out = apply(node, {gradient.shape(), gradient.shape()}, {mx::float32, mx::float32},
                   {gradient, s.parameter, s.v});
  return {out[0], out[1]};
}

}  // namespace graft::ops::cpu
