#include "graft/base/threads.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <utility>

#include "graft/base/error.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace graft {
namespace {

struct Choice {
  int threads;
  ThreadsFrom from;
};

// "" counts as not set.
std::string_view environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

// The number at the start of a text, 0 if there is none, and whether it is the whole text.
std::pair<int, bool> leading_number(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return {0, false};
  return {number, end == text.data() + text.size()};
}

int online_processors() { return std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN))); }

int allowed_processors() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  return online_processors();
}

// The CPU time granted by the container's control group, in processors; 0: no limit. Read from
// "quota period" in microseconds (cgroup v2), or from a file for each (v1).
double granted_processors() {
#ifdef __linux__
  double quota = 0, period = 0;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    file >> quota >> period;  // "max": no number, no limit
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;  // -1: no limit
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  if (quota > 0 && period > 0) return quota / period;
#endif
  return 0;
}

Choice choose() {
  if (std::string_view text = environment("GRAFT_THREADS"); !text.empty()) {
    auto [count, whole] = leading_number(text);
    if (!whole || count < 1 || count > kMaxThreads) {
      fail("GRAFT_THREADS \"{}\" is not a whole number from 1 to {}", text, kMaxThreads);
    }
    return {count, ThreadsFrom::graft_threads};
  }
  // The variable belongs to other programs: a list (of nested levels) begins with our number, and a
  // value that is not a number is ignored.
  if (int count = leading_number(environment("OMP_NUM_THREADS")).first; count > 0) {
    return {std::min(count, kMaxThreads), ThreadsFrom::omp_num_threads};
  }
  const Processors found = find_processors();
  const int granted = std::max(1, static_cast<int>(found.quota));
  if (found.quota > 0 && granted < found.allowed) return {granted, ThreadsFrom::quota};
  return {found.allowed, ThreadsFrom::processors};
}

thread_local int in_scope = 0;  // 0: nothing

Choice chosen() {
  if (in_scope > 0) return {in_scope, ThreadsFrom::scope};
  static const Choice choice = choose();
  return choice;
}

}  // namespace

int num_threads() { return chosen().threads; }

ThreadsScope::ThreadsScope(int count) : saved_(in_scope) {
  if (count > 0) in_scope = count;
}

ThreadsScope::~ThreadsScope() { in_scope = saved_; }

ThreadsFrom threads_from() { return chosen().from; }

Processors find_processors() {
  const int allowed = allowed_processors();
  return {std::max(online_processors(), allowed), allowed, granted_processors()};
}

}  // namespace graft
