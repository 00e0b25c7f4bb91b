#pragma once

#include <algorithm>
#include <cstdint>

#include "graft/base/thread_pool.h"
#include "graft/base/threads.h"

namespace graft::kernels {

/// The number of parts into which `count` pieces of work are cut: at most `pieces` per thread.
/// Fewer than `grain` pieces of work are not worth a thread.
inline int64_t parts_of(int64_t count, int64_t grain, int64_t pieces = 1) {
  const int64_t most = num_threads() == 1 ? 1 : num_threads() * pieces;
  return std::clamp<int64_t>(count / std::max<int64_t>(grain, 1), 1, most);
}

/// Where part `part` of `parts` begins, in multiples of `unit`; part `parts` begins at `count`.
inline int64_t part_begin(int64_t count, int64_t parts, int64_t part, int64_t unit = 1) {
  int64_t units = (count + unit - 1) / unit;
  return std::min(count, (units / parts * part + std::min(part, units % parts)) * unit);
}

/// Calls `work(begin, end)` for consecutive ranges that cover [0, count), `pieces` per thread if
/// there is enough work. Ranges begin at multiples of `unit` and depend only on `count`, `grain`,
/// `unit`, `pieces` and the number of threads.
template <class Work>
void parallel_ranges(int64_t count, int64_t grain, Work&& work, int64_t unit = 1,
                     int64_t pieces = 1) {
  const int64_t parts = parts_of(count, std::max(grain, unit), pieces);
  run_parts(count > 0 ? parts : 0, [&](int64_t part, int) {
    const int64_t begin = part_begin(count, parts, part, unit);
    const int64_t end = part_begin(count, parts, part + 1, unit);
    if (begin < end) work(begin, end);
  });
}

}  // namespace graft::kernels
