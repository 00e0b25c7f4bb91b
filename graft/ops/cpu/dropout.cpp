#include "graft/ops/cpu/dropout.h"

#include <mlx/ops.h>

#include "graft/kernels/dropout.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

struct DropoutSettings {
  uint32_t threshold;
  float scale;
  uint64_t key;
};

// Inputs: x, rows. Output: x with elements dropped.
class Drop final : public CpuPrimitive {
 public:
  Drop(const mx::array& x, const DropoutSettings& settings)
      : rows_(x.shape(0)), width_(x.shape(1)), type_(scalar_type(x.dtype())), settings_(settings) {}
  const char* name() const override { return "Dropout"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    kernels::dropout(type_, rows_, width_, in[0].data, static_cast<const uint32_t*>(in[1].data),
                     settings_.key, settings_.threshold, settings_.scale, out[0].data);
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents, const std::vector<int>&,
                             const std::vector<mx::array>&) override {
    return {dropped(cotangents[0], settings_, primals[1])};
  }

  static mx::array dropped(const mx::array& x, const DropoutSettings& settings,
                           const mx::array& rows) {
    return apply(std::make_shared<Drop>(x, settings), {x.shape()}, {x.dtype()}, {x, rows})[0];
  }

 private:
  int64_t rows_, width_;
  kernels::ScalarType type_;
  DropoutSettings settings_;
};

}  // namespace

mx::array dropout(const mx::array& x, uint32_t threshold, float scale, uint64_t key,
                  const mx::array& rows) {
  return Drop::dropped(x, {threshold, scale, key}, rows);
}

}  // namespace graft::ops::cpu
