#include "graft/training/schedule.h"

namespace graft::training {

Schedule constant_schedule(float rate) {
  return [rate](int64_t) { return rate; };
}

}  // namespace graft::training
