#include "graft/generation/stop_filter.h"

#include <gtest/gtest.h>

namespace graft::generation {
namespace {

TEST(StopFilter, WithoutStopsLetsAllThroughAtOnce) {
  StopFilter filter({});
  EXPECT_EQ(filter.push("abc"), "abc");
  EXPECT_EQ(filter.finish(), "");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilter, CutsBeforeTheStop) {
  StopFilter filter({"END"});
  EXPECT_EQ(filter.push("say END now"), "say ");
  EXPECT_TRUE(filter.stopped());
  EXPECT_EQ(filter.push("more"), "");
}

TEST(StopFilter, FindsAStopThatComesInPieces) {
  StopFilter filter({"\nQ:"});
  EXPECT_EQ(filter.push("x\n"), "x");
  EXPECT_EQ(filter.push("Q"), "");
  EXPECT_EQ(filter.push(":"), "");
  EXPECT_TRUE(filter.stopped());
}

TEST(StopFilter, LetsGoWhatWasNoStopAfterAll) {
  StopFilter filter({"abc"});
  EXPECT_EQ(filter.push("ab"), "");
  EXPECT_EQ(filter.push("ab"), "ab");
  EXPECT_EQ(filter.finish(), "ab");
  EXPECT_FALSE(filter.stopped());
}

TEST(StopFilter, TakesTheEarliestOfSeveralAndNoEmptyOne) {
  StopFilter filter({"zz", "", "y"});
  EXPECT_EQ(filter.push("axyzz"), "ax");
}

}  // namespace
}  // namespace graft::generation
