#pragma once

namespace graft {

/// More threads than this are refused: a number that was meant for something else.
constexpr int kMaxThreads = 1024;

/// The threads that our CPU kernels use: what set_num_threads was given, else GRAFT_THREADS, else
/// OMP_NUM_THREADS, else the processors that this process may use, which a container's quota may
/// hold below those that it may run on. At least 1. Throws Error if GRAFT_THREADS decides and is no
/// whole number from 1 to kMaxThreads.
int num_threads();

/// From the next kernel call on. Not to be called while a kernel runs.
void set_num_threads(int count);

/// What num_threads follows from.
enum class ThreadsFrom {
  set_num_threads,
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
