#pragma once

namespace graft {

/// The threads that our CPU kernels use: what set_num_threads was given, else GRAFT_THREADS, else
/// OMP_NUM_THREADS, else the processors that this process may use, which a container's quota may
/// hold below those that it may run on. At least 1.
int num_threads();

/// From the next kernel call on. Not to be called while a kernel runs.
void set_num_threads(int count);

}  // namespace graft
