#include "graft/base/profile.h"

#include <gtest/gtest.h>

#include <thread>

namespace graft {
namespace {

TEST(Profile, SumsByPhaseTheLongestFirstAndForgets) {
  take_profile();
  add_to_profile("short", 0.25);
  add_to_profile("long", 1, 3e9);
  std::thread([] { add_to_profile("long", 2, 3e9); }).join();
  const std::vector<Phase> phases = take_profile();
  ASSERT_EQ(phases.size(), 2u);
  EXPECT_EQ(phases[0].name, "long");
  EXPECT_EQ(phases[0].calls, 2);
  EXPECT_EQ(phases[0].seconds, 3);
  EXPECT_EQ(phases[0].operations, 6e9);
  EXPECT_EQ(phases[1].name, "short");
  EXPECT_TRUE(take_profile().empty());
}

TEST(Profile, ATimerCountsOnlyWhileProfilingIsOn) {
  take_profile();
  { const PhaseTimer timer("off"); }
  {
    const ProfilingSwitch on(true);
    { const PhaseTimer timer("on", 7); }
    const ProfilingSwitch off(false);
    { const PhaseTimer timer("off"); }
  }
  EXPECT_FALSE(profiling());
  { const PhaseTimer timer("off"); }
  const std::vector<Phase> phases = take_profile();
  ASSERT_EQ(phases.size(), 1u);
  EXPECT_EQ(phases[0].name, "on");
  EXPECT_GT(phases[0].seconds, 0);
  EXPECT_EQ(phases[0].operations, 7);
}

TEST(Profile, ARestIsWhatThePhasesLeave) {
  std::vector<Phase> phases = {{"a", 1, 2, 0}, {"b", 1, 0.5, 0}};
  add_rest(phases, "steps", 3);
  add_rest(phases, "all", 7);
  ASSERT_EQ(phases.size(), 4u);
  EXPECT_EQ(phases[2].name, "steps");
  EXPECT_EQ(phases[2].seconds, 0.5);
  EXPECT_EQ(phases[3].seconds, 4);
}

TEST(Profile, TheTableHasSharesAndSpeeds) {
  EXPECT_EQ(profile_table({{"products", 10, 3, 6e9}, {"rest", 0, 1, 0}}),
            "Phase        Calls    Seconds   Share   GFLOPS\n"
            "products        10      3.000   75.0%      2.0\n"
            "rest             0      1.000   25.0%\n"
            "total                   4.000  100.0%\n");
}

}  // namespace
}  // namespace graft
