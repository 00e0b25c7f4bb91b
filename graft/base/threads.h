#pragma once

namespace graft {

/// The threads that our CPU kernels use: GRAFT_THREADS if it is set, else OMP_NUM_THREADS, else the
/// processors that this process may run on. Fixed at the first call. At least 1.
int num_threads();

}  // namespace graft
