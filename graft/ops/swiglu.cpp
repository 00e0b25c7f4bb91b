#include "graft/ops/swiglu.h"

#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/swiglu.h"

namespace graft::ops {

mx::array swiglu(const mx::array& gate, const mx::array& up) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::swiglu(gate, up);
#endif
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
}

}  // namespace graft::ops
