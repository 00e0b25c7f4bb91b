#pragma once

namespace graft {

/// More threads than this are refused: a number that was meant for something else.
constexpr int kMaxThreads = 1024;

/// The threads that kernels use which the calling thread calls: what a ThreadsScope says, else
/// GRAFT_THREADS, else OMP_NUM_THREADS, else the processors that this process may use, which a
/// container's quota may hold below those that it may run on. At least 1. Throws Error if
/// GRAFT_THREADS decides and is no whole number from 1 to kMaxThreads.
int num_threads();

/// While it lives, kernels that the calling thread calls use so many threads; 0: as before.
class ThreadsScope {
 public:
  explicit ThreadsScope(int count);
  ~ThreadsScope();
  ThreadsScope(const ThreadsScope&) = delete;
  ThreadsScope& operator=(const ThreadsScope&) = delete;

 private:
  int saved_;
};

/// What num_threads follows from.
enum class ThreadsFrom {
  scope,            // a ThreadsScope
  graft_threads,    // the environment variable GRAFT_THREADS
  omp_num_threads,  // the environment variable OMP_NUM_THREADS
  processors,       // that the process may run on
  quota,            // of the container
};

/// Throws as num_threads does.
ThreadsFrom threads_from();

/// What there is to run threads on.
struct Processors {
  int online;    // of the machine
  int allowed;   // that this process may run on: its affinity
  double quota;  // processors' worth of time that the container is granted; 0: no limit
};

Processors find_processors();

}  // namespace graft
