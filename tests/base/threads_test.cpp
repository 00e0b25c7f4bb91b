#include "graft/base/threads.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "tests/support/expect_error.h"

namespace graft {
namespace {

using testing::expect_error;

// The choice is made once a process: each test makes it in one of its own, forked before this one
// has made it (GoogleTest runs death tests first) and not executed again, which an emulator cannot
// do.
class ThreadsDeathTest : public ::testing::Test {
 protected:
  ThreadsDeathTest() { ::testing::FLAGS_gtest_death_test_style = "fast"; }

  static void environment(const char* graft, const char* omp) {
    ::setenv("GRAFT_THREADS", graft, 1);
    ::setenv("OMP_NUM_THREADS", omp, 1);
  }

  // In a process of a death test: all is well if it exits with 0.
  [[noreturn]] static void expect(int count, ThreadsFrom from) {
    EXPECT_EQ(num_threads(), count);
    EXPECT_EQ(threads_from(), from);
    std::exit(HasFailure() ? 1 : 0);
  }
};

TEST_F(ThreadsDeathTest, GraftThreadsWinsOverOmpNumThreads) {
  auto run = [](const char* graft, const char* omp, int count, ThreadsFrom from) {
    environment(graft, omp);
    expect(count, from);
  };
  const auto well = ::testing::ExitedWithCode(0);
  EXPECT_EXIT(run("3", "5", 3, ThreadsFrom::graft_threads), well, "");
  EXPECT_EXIT(run("", "5", 5, ThreadsFrom::omp_num_threads), well, "");
  EXPECT_EXIT(run("", "6,2", 6, ThreadsFrom::omp_num_threads), well, "");
  EXPECT_EXIT(run("", "99999", kMaxThreads, ThreadsFrom::omp_num_threads), well, "");
}

TEST_F(ThreadsDeathTest, AScopeWinsOverAnyEnvironment) {
  auto run = [] {
    environment("none", "5");
    const ThreadsScope scope(7);
    const ThreadsScope as_before(0);
    expect(7, ThreadsFrom::scope);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}

// A thread's own, and gone at its end.
TEST(ThreadsScopes, AreNestedAndOneThreadsAlone) {
  const ThreadsScope three(3);
  {
    const ThreadsScope five(5);
    EXPECT_EQ(num_threads(), 5);
    std::thread([] {
      const ThreadsScope two(2);
      EXPECT_EQ(num_threads(), 2);
    }).join();
    EXPECT_EQ(num_threads(), 5);
  }
  EXPECT_EQ(num_threads(), 3);
}

TEST_F(ThreadsDeathTest, AGraftThreadsThatIsNoCountIsRefused) {
  auto run = [](const char* text) {
    environment(text, "5");
    expect_error([] { num_threads(); },
                 "GRAFT_THREADS \"" + std::string(text) + "\" is not a whole number from 1 to");
    std::exit(HasFailure() ? 1 : 0);
  };
  for (const char* text : {"0", "-1", "two", "1.5", "3x", "1025", "99999999999"}) {
    EXPECT_EXIT(run(text), ::testing::ExitedWithCode(0), "") << text;
  }
}

#ifdef __linux__
TEST_F(ThreadsDeathTest, AProcessHeldToOneProcessorHasOneThread) {
  auto run = [] {
    environment("", "none");
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) std::exit(2);
    int first = 0;
    while (!CPU_ISSET(first, &set)) ++first;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) std::exit(3);
    EXPECT_EQ(find_processors().allowed, 1);
    expect(1, ThreadsFrom::processors);
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace graft
