#include "graft/ops/cpu/after.h"

#include <cstring>
#include <utility>

#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

class After final : public CpuPrimitive {
 public:
  After(size_t bytes, std::function<void()> done) : bytes_(bytes), done_(std::move(done)) {}
  const char* name() const override { return "After"; }
  int in_place_of(size_t) const override { return 0; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    done_();
    if (out[0].data != in[0].data) std::memcpy(out[0].data, in[0].data, bytes_);
  }

 private:
  size_t bytes_;
  std::function<void()> done_;
};

}  // namespace

mx::array after(const mx::array& x, std::function<void()> done) {
  return apply(std::make_shared<After>(x.nbytes(), std::move(done)), {x.shape()}, {x.dtype()},
               {x})[0];
}

}  // namespace graft::ops::cpu
