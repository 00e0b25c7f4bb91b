#include "graft/base/thread_pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>

#include "graft/base/threads.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace graft {
namespace {

// How often a thread polls before it sleeps: some tens of microseconds. The pause between two
// kernels of a training step is shorter; waking a thread takes as long.
constexpr int kLooks = 4000;

void pause_briefly() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
bool becomes_true_soon(Condition&& condition) {
  for (int i = 0; i < kLooks; ++i) {
    if (condition()) return true;
    pause_briefly();
  }
  return false;
}

// A job's number, its threads, and the count of its untaken parts, in one word, so that one
// compare-exchange takes a part. A late thread may compare with a later job's word: if it is equal,
// the part that it takes is that job's.
class Ticket {
 public:
  explicit Ticket(uint64_t word) : word_(word) {}
  Ticket(uint64_t job, int threads, int64_t left)
      : word_(job << 44 | static_cast<uint64_t>(threads) << 32 | static_cast<uint64_t>(left)) {}

  uint64_t word() const { return word_; }
  uint64_t job() const { return word_ >> 44; }
  int64_t left() const { return static_cast<int64_t>(word_ & 0xffffffff); }
  bool is_for(int worker) const {
    return left() > 0 && worker < static_cast<int>(word_ >> 32 & 0xfff);
  }

 private:
  uint64_t word_;
};

constexpr int kMostThreads = 0xfff;
constexpr int64_t kMostParts = 0xffffffff;

class ThreadPool {
 public:
  // False if a job is under way.
  bool run(int64_t parts, int threads, const PartWork& work) {
    std::unique_lock lock(running_, std::try_to_lock);
    if (!lock) return false;
    start(threads);
    work_ = &work;
    parts_ = parts;
    job_threads_ = threads;
    error_ = nullptr;
    unfinished_.store(parts, std::memory_order_relaxed);
    ticket_.store(Ticket(Ticket(ticket_.load()).job() + 1, threads, parts).word());
    ticket_.notify_all();
    while (take(0)) {
    }
    if (!becomes_true_soon([this] { return unfinished_.load() == 0; })) {
      for (int64_t n = unfinished_.load(); n != 0; n = unfinished_.load()) unfinished_.wait(n);
    }
    if (error_) std::rethrow_exception(error_);
    return true;
  }

  static thread_local bool inside;

 private:
  // As many as the system gives: the calling thread does what others would have done.
  void start(int threads) {
    try {
      for (; threads_ < threads; ++threads_) {
        std::thread(&ThreadPool::serve, this, threads_).detach();
      }
    } catch (const std::system_error&) {
    }
  }

  // Takes a part and does it; false if there is none for this worker. The job's fields are read
  // after the part was taken: the job cannot end before that part is done.
  bool take(int worker) {
    Ticket ticket(ticket_.load());
    do {
      if (!ticket.is_for(worker)) return false;
    } while (!exchange(ticket));
    inside = true;
    try {
      // Within a part, num_threads() is what the caller would get.
      const ThreadsScope threads(job_threads_);
      (*work_)(parts_ - ticket.left(), worker);
    } catch (...) {
      std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
    inside = false;
    if (unfinished_.fetch_sub(1) == 1) unfinished_.notify_one();
    return true;
  }

  bool exchange(Ticket& ticket) {
    uint64_t word = ticket.word();
    if (ticket_.compare_exchange_weak(word, word - 1)) return true;
    ticket = Ticket(word);
    return false;
  }

  void serve(int worker) {
    for (;;) {
      while (take(worker)) {
      }
      if (becomes_true_soon([&] { return Ticket(ticket_.load()).is_for(worker); })) continue;
      uint64_t word = ticket_.load();
      if (!Ticket(word).is_for(worker)) ticket_.wait(word);
    }
  }

  std::mutex running_;
  int threads_ = 1;  // the callers' one, and those that serve
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int64_t> unfinished_{0};
  const PartWork* work_ = nullptr;
  int64_t parts_ = 0;
  int job_threads_ = 0;
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

thread_local bool ThreadPool::inside = false;

// So many calls at a time have threads of their own; a further one does its parts alone.
constexpr size_t kPools = 16;

// Never destroyed: threads sleep in it when the program ends.
std::array<ThreadPool, kPools>& pools() {
  static auto* const all = new std::array<ThreadPool, kPools>;
  return *all;
}

// In the first idle pool, so that consecutive calls wake the same threads; false if none is idle.
bool run_in_a_pool(int64_t parts, int threads, const PartWork& work) {
  for (ThreadPool& pool : pools()) {
    if (pool.run(parts, threads, work)) return true;
  }
  return false;
}

}  // namespace

void run_parts(int64_t parts, PartWork work) {
  const int threads = std::min(num_threads(), kMostThreads);
  const bool shared = parts > 1 && parts <= kMostParts && threads > 1 && !ThreadPool::inside;
  if (shared && run_in_a_pool(parts, threads, work)) return;
  for (int64_t part = 0; part < parts; ++part) work(part, 0);
}

}  // namespace graft
