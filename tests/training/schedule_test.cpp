#include "graft/training/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "graft/io/json.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace graft::training {
namespace {

TEST(MlxSchedule, IsMlxLms) {
  const std::string text = read_text(testing::fixture("optimizers/schedules.json"));
  const json cases = io::parse_json(text, "schedules.json");
  EXPECT_EQ(cases.size(), 9u);
  for (const json& c : cases) {
    const json& config = c["lr_schedule"];
    const auto arguments = config["arguments"].get<std::vector<double>>();
    const Schedule schedule = mlx_schedule(config["name"], arguments, config.value("warmup", 0.0),
                                           config.value("warmup_init", 0.0));
    int64_t step = 0;
    for (const json& rate : c["rates"]) {
      EXPECT_NEAR(schedule(step), rate.get<double>(), 1e-6 * arguments[0])
          << c["name"] << ", step " << step;
      ++step;
    }
  }
}

TEST(MlxSchedule, ErrorsNameTheArgument) {
  auto refused = [](const std::string& name, const std::vector<double>& arguments,
                    std::initializer_list<std::string_view> parts, double warmup = 0) {
    testing::expect_error<UsageError>([&] { mlx_schedule(name, arguments, warmup); }, parts);
  };
  refused("cosine", {1e-4, 10}, {"'cosine'", "cosine_decay, linear_schedule"});
  refused("cosin_decay", {1e-4, 10}, {"did you mean cosine_decay?"});
  refused("cosine_decay", {}, {"rate, decay_steps, end", "0 are given"});
  refused("cosine_decay", {1e-4, 10, 0, 0}, {"4 are given"});
  refused("linear_schedule", {1e-4, 0}, {"rate, end, steps"});
  refused("cosine_decay", {1e-4, 0}, {"decay_steps is 0"});
  refused("step_decay", {1e-4, 0.5, 0}, {"step_size is 0"});
  refused("exponential_decay", {-1e-4, 0.5}, {"rate is -0.0001"});
  refused("exponential_decay", {1e-4, NAN}, {"decay_rate is nan"});
  refused("exponential_decay", {1e-4, 0.5}, {"`warmup` is -1"}, -1);
}

// The rates of some steps.
void expect_rates(const ScheduleOptions& options, const std::map<int64_t, double>& rates) {
  SCOPED_TRACE(options.name);
  const Schedule schedule = make_schedule(options);
  for (const auto& [step, rate] : rates) EXPECT_NEAR(schedule(step), rate, 1e-7) << step;
}

TEST(Schedule, FollowsItsRule) {
  expect_rates({.name = "constant", .learning_rate = 1, .length = 10}, {{0, 1}, {9, 1}, {99, 1}});
  expect_rates({.name = "linear", .learning_rate = 1, .length = 10},
               {{0, 1}, {1, 0.9}, {9, 0.1}, {10, 0}, {11, 0}});
  expect_rates({.name = "linear", .learning_rate = 1, .length = 10, .min_lr = 0.5},
               {{0, 1}, {5, 0.75}, {10, 0.5}, {99, 0.5}});
  expect_rates({.name = "cosine", .learning_rate = 1, .length = 12, .min_lr = 0.2},
               {{0, 1}, {4, 0.8}, {6, 0.6}, {8, 0.4}, {12, 0.2}, {99, 0.2}});
  expect_rates(
      {.name = "step", .learning_rate = 1, .length = 10, .decay_rate = 0.5, .step_size = 3},
      {{0, 1}, {2, 1}, {3, 0.5}, {5, 0.5}, {6, 0.25}, {9, 0.125}, {99, 0.125}});
  expect_rates(
      {.name = "exponential", .learning_rate = 1, .length = 10, .min_lr = 0.1, .decay_rate = 0.5},
      {{0, 1}, {1, 0.5}, {3, 0.125}, {4, 0.1}, {99, 0.1}});
  expect_rates({.name = "wsd", .learning_rate = 1, .length = 20, .decay_share = 0.2},
               {{0, 1}, {16, 1}, {17, 0.75}, {19, 0.25}, {20, 0}, {21, 0}});
}

// As transformers' get_linear_schedule_with_warmup: the first step has the rate 0.
TEST(Schedule, TheWarmupIsAStraightLineToTheLearningRate) {
  expect_rates({.name = "linear", .learning_rate = 1, .length = 12, .warmup = 4},
               {{0, 0}, {1, 0.25}, {3, 0.75}, {4, 1}, {8, 0.5}, {12, 0}});
  expect_rates({.name = "cosine", .learning_rate = 1, .length = 8, .warmup = 4, .warmup_init = 0.2},
               {{0, 0.2}, {2, 0.6}, {4, 1}, {6, 0.5}});
  expect_rates({.name = "step",
                .learning_rate = 1,
                .length = 12,
                .warmup = 4,
                .decay_rate = 0.5,
                .step_size = 4},
               {{3, 0.75}, {4, 1}, {7, 1}, {8, 0.5}});
  // All of it is warm-up.
  expect_rates({.name = "wsd", .learning_rate = 1, .length = 4, .warmup = 4}, {{3, 0.75}});
  EXPECT_EQ(warmup_steps({.length = 1000, .warmup = 0.1}), 100);
  EXPECT_EQ(warmup_steps({.length = 25, .warmup = 0.1}), 3);
  EXPECT_EQ(warmup_steps({.length = 25, .warmup = 1}), 1);
  EXPECT_EQ(warmup_steps({.length = 25, .warmup = 0}), 0);
}

TEST(Schedule, ErrorsNameTheOption) {
  auto refused = [](const ScheduleOptions& options, std::initializer_list<std::string_view> parts) {
    testing::expect_error<UsageError>([&] { make_schedule(options); }, parts);
  };
  refused({.name = "cosin"}, {"'cosin'", "did you mean cosine?", "constant, linear, cosine, step"});
  refused({.name = "linear", .length = 10, .warmup = 11}, {"`warmup` is 11 steps", "10"});
  refused({.name = "linear", .length = 10, .warmup = -1}, {"`warmup` is -1"});
  refused({.name = "linear", .length = 10, .warmup = NAN}, {"`warmup`"});
  refused({.name = "linear", .length = 10, .warmup_init = -1}, {"`warmup_init`"});
  refused({.name = "linear", .learning_rate = 1e-5, .min_lr = 1e-4},
          {"`min_lr` 0.0001 is above `learning_rate` 1e-05"});
  refused({.name = "linear", .min_lr = -1}, {"`min_lr` is -1"});
  refused({.name = "constant", .min_lr = 0}, {"`min_lr` is no option of schedule constant"});
  refused({.name = "cosine", .decay_rate = 0.5}, {"`decay_rate` is no option", "has `min_lr`"});
  refused({.name = "exponential", .decay_rate = 0.5, .step_size = 3}, {"`step_size`"});
  refused({.name = "linear", .decay_share = 0.5}, {"`decay_share`"});
  refused({.name = "step", .decay_rate = 0.5}, {"schedule step needs `step_size`"});
  refused({.name = "exponential"}, {"schedule exponential needs `decay_rate`"});
  refused({.name = "exponential", .decay_rate = 1.5}, {"`decay_rate` is 1.5"});
  refused({.name = "step", .decay_rate = 0.5, .step_size = 0}, {"`step_size` is 0"});
  refused({.name = "wsd", .decay_share = 0}, {"`decay_share` is 0"});
  refused({.learning_rate = -1}, {"`learning_rate` is -1"});
  refused({.name = "linear"}, {"`length` is 0", "linear"});
}

TEST(Schedule, ARunThatEndsBeforeItIsToldSo) {
  const Schedule linear = make_schedule({.name = "linear", .learning_rate = 1, .length = 10});
  EXPECT_EQ(cut_short(linear, 10, 6),
            "the schedule has 10 steps and the run 6: the learning rate ends at 0.5, not at 0");
  EXPECT_EQ(cut_short(linear, 10, 10), std::nullopt);
  EXPECT_EQ(cut_short(linear, 10, 20), std::nullopt);
  EXPECT_EQ(cut_short(constant_schedule(1), 10, 5), std::nullopt);
}

// The rates of "cosine, warmup" and "cosine, counts with a fraction" in schedules.json stay from
// there on.
TEST(MlxSchedule, ItsLengthHasTheWarmupAndTheJoin) {
  EXPECT_EQ(mlx_schedule_length("cosine_decay", {1e-5, 20, 1e-7}, 4), 25);
  EXPECT_EQ(mlx_schedule_length("cosine_decay", {1e-4, 6.5}, 2.5), 10);
  EXPECT_EQ(mlx_schedule_length("linear_schedule", {1e-4, 0, 8}), 8);
  EXPECT_EQ(mlx_schedule_length("step_decay", {1e-4, 0.5, 8}), std::nullopt);
  EXPECT_EQ(mlx_schedule_length("exponential_decay", {1e-4, 0.5}), std::nullopt);
  EXPECT_NE(cut_short(mlx_schedule("cosine_decay", {1e-4, 1000}), 1000, 250), std::nullopt);
}

}  // namespace
}  // namespace graft::training
