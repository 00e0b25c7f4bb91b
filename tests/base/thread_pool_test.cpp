#include "graft/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "graft/base/threads.h"

namespace graft {
namespace {

class ThreadPool : public ::testing::TestWithParam<int> {
 private:
  ThreadsScope threads_{GetParam()};
};

TEST_P(ThreadPool, EveryPartIsDoneOnceByAThreadOfItsNumber) {
  for (int64_t parts : {0, 1, 2, 3, 7, 100, 5000}) {
    std::vector<std::atomic<int>> done(static_cast<size_t>(parts));
    std::atomic<bool> in_range = true;
    run_parts(parts, [&](int64_t part, int worker) {
      ++done[static_cast<size_t>(part)];
      if (worker < 0 || worker >= num_threads()) in_range = false;
    });
    for (const auto& count : done) ASSERT_EQ(count, 1);
    EXPECT_TRUE(in_range);
  }
}

// Two parts of one worker never run at the same time, or its scratch memory would be shared.
TEST_P(ThreadPool, AWorkerDoesOnePartAtATime) {
  std::vector<std::atomic<int>> busy(static_cast<size_t>(num_threads()));
  std::atomic<bool> alone = true;
  for (int call = 0; call < 200; ++call) {
    run_parts(20, [&](int64_t, int worker) {
      if (++busy[static_cast<size_t>(worker)] != 1) alone = false;
      --busy[static_cast<size_t>(worker)];
    });
  }
  EXPECT_TRUE(alone);
}

// One call after the other, with pauses in which the threads fall asleep and without.
TEST_P(ThreadPool, ManyCallsEachSeeTheirOwnWork) {
  for (int64_t call = 0; call < 20000; ++call) {
    std::atomic<int64_t> sum = 0;
    run_parts(3, [&](int64_t part, int) { sum += call * 10 + part; });
    ASSERT_EQ(sum, 30 * call + 3);
    if (call % 4000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

TEST_P(ThreadPool, AnExceptionReachesTheCallerWhenAllPartsAreDone) {
  std::atomic<int> done = 0;
  const auto run = [&] {
    run_parts(50, [&](int64_t part, int) {
      ++done;
      if (part % 10 == 3) throw std::runtime_error("part");
    });
  };
  if (num_threads() > 1) {
    EXPECT_THROW(run(), std::runtime_error);
    EXPECT_EQ(done, 50);
  } else {
    EXPECT_THROW(run(), std::runtime_error);  // at once: nothing else runs
  }
  run_parts(4, [&](int64_t, int) { ++done; });
}

TEST_P(ThreadPool, CallsWithinAPartAndFromOtherThreadsAreDoneToo) {
  std::atomic<int> done = 0;
  run_parts(8, [&](int64_t, int) { run_parts(5, [&](int64_t, int) { ++done; }); });
  EXPECT_EQ(done, 40);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 500; ++call) run_parts(4, [&](int64_t, int) { ++done; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 40 + 4 * 500 * 4);
}

// What a part does counts with the threads of its call: the cuts of a sum follow from their number.
TEST_P(ThreadPool, APartSeesTheThreadsOfItsCall) {
  std::atomic<bool> same = true;
  run_parts(200, [&](int64_t, int) { same = same && num_threads() == GetParam(); });
  EXPECT_TRUE(same);
}

// Each of the calls waits for the other to have begun on a thread that is not its caller.
TEST_P(ThreadPool, CallsOfSeveralThreadsRunSideBySide) {
  if (num_threads() < 2) return;
  constexpr int kCallers = 3;
  std::atomic<int> helped = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      const ThreadsScope threads(GetParam());
      const auto caller = std::this_thread::get_id();
      std::atomic<bool> counted = false;
      run_parts(2, [&](int64_t, int) {
        if (std::this_thread::get_id() == caller) {
          while (helped < kCallers) std::this_thread::yield();
        } else if (!counted.exchange(true)) {
          ++helped;
        }
      });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(helped, kCallers);
}

// A thread that is kept from its work is not waited for, as long as it has taken nothing.
TEST_P(ThreadPool, PartsGoToThreadsThatAreFree) {
  if (num_threads() < 2) return;  // it does all
  std::atomic<int> others = 0;
  run_parts(100, [&](int64_t part, int) {
    if (part == 0) {
      while (others < 99) std::this_thread::yield();  // the rest must not be this thread's
    } else {
      ++others;
    }
  });
  EXPECT_EQ(others, 99);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPool, ::testing::Values(1, 2, 3, 5));

}  // namespace
}  // namespace graft
