#pragma once

namespace graft {

/// More threads than this are refused: a number that was meant for something else.
constexpr int kMaxThreads = 1024;

/// How many threads a kernel uses when the calling thread calls it: what a ThreadsScope says, else
/// GRAFT_THREADS, else OMP_NUM_THREADS, else the processors that this process may use (a
/// container's quota may allow fewer than its affinity). At least 1. Throws Error if GRAFT_THREADS
/// decides and is not a whole number from 1 to kMaxThreads.
int num_threads();

/// While it lives, kernels that the calling thread calls use `count` threads; 0: no change.
class ThreadsScope {
 public:
  explicit ThreadsScope(int count);
  ~ThreadsScope();
  ThreadsScope(const ThreadsScope&) = delete;
  ThreadsScope& operator=(const ThreadsScope&) = delete;

 private:
  int saved_;
};

/// What decided num_threads.
enum class ThreadsFrom {
  scope,            // a ThreadsScope
  graft_threads,    // the environment variable GRAFT_THREADS
  omp_num_threads,  // the environment variable OMP_NUM_THREADS
  processors,       // that the process may run on
  quota,            // of the container
};

/// Throws as num_threads does.
ThreadsFrom threads_from();

/// The processors that threads can run on.
struct Processors {
  int online;    // of the machine
  int allowed;   // that this process may run on: its affinity
  double quota;  // CPU time granted to the container, in processors; 0: no limit
};

Processors find_processors();

}  // namespace graft
