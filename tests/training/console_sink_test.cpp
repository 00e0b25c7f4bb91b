#include "graft/training/console_sink.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/recording_front_end.h"

namespace graft::training {
namespace {

class ConsoleSinkTest : public ::testing::Test {
 protected:
  void step(int iteration, double loss) { sink_->on(Stepped{iteration, 1000, loss, 1e-5, 100, 1}); }

  // As it was shown last.
  const std::vector<double>& curve() const { return told_->shown.back().front().curve; }

  std::shared_ptr<testing::RecordingFrontEnd> told_ =
      std::make_shared<testing::RecordingFrontEnd>();
  std::shared_ptr<EventSink> sink_ = make_console_sink(told_);
};

TEST_F(ConsoleSinkTest, TellsOfTheFirstSpikes) {
  for (int i = 1; i < 7; ++i) sink_->on(Spiked{10 * i, 25.0 * i, 0.5});
  ASSERT_EQ(told_->notes.size(), 3u);
  EXPECT_EQ(told_->notes[0], "Iter 10: a spike: the gradient's norm is 25, where 0.5 is usual");
  EXPECT_EQ(
      told_->notes[2],
      "Iter 30: a spike: the gradient's norm is 75, where 0.5 is usual; further ones are only "
      "counted");
}

TEST_F(ConsoleSinkTest, TheCurveIsThatOfTheWholeRun) {
  for (int i = 1; i <= 500; ++i) {
    step(i, 1000 - i);
    ASSERT_LE(curve().size(), 96u);
  }
  ASSERT_GE(curve().size(), 48u);
  EXPECT_GT(curve().front(), 980);
  EXPECT_LT(curve().back(), 520);
  for (size_t i = 1; i < curve().size(); ++i) EXPECT_LT(curve()[i], curve()[i - 1]) << i;
}

TEST_F(ConsoleSinkTest, AStepThatWasSkippedIsNoPartOfTheCurve) {
  step(1, 3);
  step(2, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(curve(), std::vector<double>{3});
}

}  // namespace
}  // namespace graft::training
