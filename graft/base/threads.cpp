#include "graft/base/threads.h"

#include <cstdlib>
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

int choose() {
  for (const char* name : {"GRAFT_THREADS", "OMP_NUM_THREADS"}) {
    if (int count = positive_from_environment(name); count > 0) return count;
  }
  return available_processors();
}

}  // namespace

int num_threads() {
  static const int count = choose();
  return count;
}

}  // namespace graft
