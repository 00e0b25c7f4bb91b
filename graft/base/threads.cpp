#include "graft/base/threads.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace graft {
namespace {

int positive_from_environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::atoi(text);
}

int available_processors() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  unsigned count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<int>(count);
}

#ifdef __linux__
// The processors' worth of time that the container's control group grants, or 0 for no limit:
// "quota period" in microseconds (cgroup v2), or the two in files of their own (v1).
int granted_processors() {
  double quota = 0, period = 0;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    file >> quota >> period;  // "max": no number, no limit
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;  // -1: no limit
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? std::max(1, static_cast<int>(quota / period)) : 0;
}
#endif

int choose() {
  for (const char* name : {"GRAFT_THREADS", "OMP_NUM_THREADS"}) {
    if (int count = positive_from_environment(name); count > 0) return count;
  }
  int count = available_processors();
#ifdef __linux__
  if (int granted = granted_processors(); granted > 0) count = std::min(count, granted);
#endif
  return count;
}

int& chosen() {
  static int count = choose();
  return count;
}

}  // namespace

int num_threads() { return chosen(); }

void set_num_threads(int count) { chosen() = std::max(1, count); }

}  // namespace graft
