#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace graft::hub {

/// Calls action(i) for each i below `count`, on at most `at_once` threads. After a failure no
/// thread begins another action, and `stop` is called at once; when all threads have ended, the
/// first failure is thrown.
template <class Action, class Stop>
void for_each_concurrent(size_t count, size_t at_once, const Action& action, const Stop& stop) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::thread> workers;
  for (size_t i = 0; i < std::min(at_once, count); ++i) {
    workers.emplace_back([&] {
      try {
        for (size_t at = next++; at < count; at = next++) action(at);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
        stop();
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

template <class Action>
void for_each_concurrent(size_t count, size_t at_once, const Action& action) {
  for_each_concurrent(count, at_once, action, [] {});
}

}  // namespace graft::hub
