#include "graft/training/learning_rate_search.h"

#include <gtest/gtest.h>
#include <mlx/random.h>

#include <cmath>

#include "graft/models/registry.h"
#include "graft/training/trainer.h"
#include "tests/support/arrays.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::training {
namespace {

using Points = std::vector<LearningRateSearch::Point>;

// 100 points from 1e-7 to 1, whose loss is that of `loss`, with batches that differ by `scatter`.
template <class Loss>
Points curve(Loss loss, double scatter) {
  Points points;
  for (int i = 0; i < 100; ++i) {
    const double rate = std::pow(10.0, -7 + 7 * i / 99.0), smoothed = loss(rate);
    points.push_back({rate, smoothed + (i % 2 == 0 ? scatter : -scatter), smoothed});
  }
  return points;
}

TEST(SuggestedLearningRate, IsWhereTheLossFallsMostSteeply) {
  const auto fall = [](double rate) {
    const double explosion = rate > 0.1 ? 50 * (rate - 0.1) : 0;
    return 3 - 1 / (1 + std::exp(-3 * std::log10(rate / 2e-4))) + explosion;
  };
  const auto found = suggested_learning_rate(curve(fall, 0.2));
  ASSERT_TRUE(found);
  EXPECT_NEAR(std::log10(*found), std::log10(2e-4), 0.1);
  // A fall that is no larger than the batches' differences says nothing.
  EXPECT_FALSE(suggested_learning_rate(curve(fall, 1.2)));
}

TEST(SuggestedLearningRate, IsNoneWhereTheLossDoesNotFall) {
  EXPECT_FALSE(suggested_learning_rate(curve([](double) { return 3.0; }, 0.1)));
  EXPECT_FALSE(suggested_learning_rate(curve([](double rate) { return 3 + rate; }, 0.1)));
  EXPECT_FALSE(suggested_learning_rate({}));
  EXPECT_FALSE(suggested_learning_rate({{1e-7, NAN, NAN}}));
}

class SearchTest : public ::testing::Test {
 protected:
  SearchTest() {
    for (int i = 0; i < 10; ++i) {
      data::Example example;
      for (int t = 0; t < 6 + i % 5; ++t) example.ids.push_back((i + t) % 60 + 1);
      set_.examples.push_back(example);
    }
    mx::random::seed(11);
    model_ = models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
    lora::LoraSettings settings;
    settings.num_layers = -1;
    settings.keys = {"q_proj", "v_proj", "down_proj"};
    adapters_.emplace(lora::attach(*model_, settings));
    options_.seed = 3;
  }

  LearningRateSearch search(int most = 1000) {
    return search_learning_rate(
        *model_, *adapters_, set_, options_, {},
        [&, done = 0](const LearningRateSearch::Point&) mutable { return ++done < most; });
  }

  data::Dataset set_;
  std::unique_ptr<models::Model> model_;
  std::optional<lora::Adapters> adapters_;
  TrainOptions options_;
};

TEST_F(SearchTest, RatesGrowAndTheAdaptersStay) {
  const std::vector<mx::array> before = adapters_->parameters().values();
  for (const char* optimizer : {"adam", "sgd", "adafactor"}) {
    options_.optimizer.name = optimizer;
    const LearningRateSearch found = search();
    EXPECT_FALSE(found.interrupted);
    ASSERT_GT(found.points.size(), 20u);
    ASSERT_LE(found.points.size(), 100u);
    EXPECT_DOUBLE_EQ(found.points[0].learning_rate, 1e-7);
    for (size_t i = 1; i < found.points.size(); ++i) {
      EXPECT_NEAR(found.points[i].learning_rate / found.points[i - 1].learning_rate,
                  std::pow(1e7, 1 / 99.0), 1e-9);
    }
    const std::vector<mx::array> after = adapters_->parameters().values();
    for (size_t i = 0; i < before.size(); ++i) {
      EXPECT_TRUE(testing::same_bits(after[i], before[i])) << i;
    }
  }
}

TEST_F(SearchTest, SuggestsARateThatLowersTheLoss) {
  const LearningRateSearch found = search();
  ASSERT_TRUE(found.suggested);
  EXPECT_GT(*found.suggested, 1e-5);
  EXPECT_LT(*found.suggested, 1e-1);
  // It stops soon after the loss has exploded.
  if (found.points.size() < 100) {
    EXPECT_GT(found.points.back().smoothed, found.points.front().loss);
  }
}

// They are the trainer's steps: the same batches, and the same losses at the same rate.
TEST_F(SearchTest, ItsFirstStepIsThatOfATraining) {
  class First final : public EventSink {
   public:
    using EventSink::on;
    void on(const Stepped& step) override { losses.push_back(step.loss); }
    std::vector<double> losses;
  };
  const LearningRateSearch found = search(2);
  testing::TempFolder folder;
  options_.adapter_file = folder / "adapters.npz";
  options_.iters = 2;
  options_.schedule.learning_rate = 1e-7;
  const auto first = std::make_shared<First>();
  Trainer(*model_, *adapters_, set_, set_, options_, Events({first})).run([] { return false; });
  EXPECT_EQ(found.points[0].loss, first->losses[0]);
  EXPECT_EQ(found.points[1].loss, first->losses[1]);
}

TEST_F(SearchTest, ALossThatIsNotFiniteEndsIt) {
  options_.optimizer.name = "sgd";
  options_.max_norm = 0;
  std::vector<mx::array> values = adapters_->parameters().values();
  for (mx::array& v : values) v = mx::full(v.shape(), NAN, mx::float32);
  adapters_->parameters().set(values);
  const LearningRateSearch found = search();
  EXPECT_EQ(found.points.size(), 1u);
  EXPECT_FALSE(found.suggested);
}

TEST_F(SearchTest, StopsWhenItIsTold) {
  const LearningRateSearch found = search(30);
  EXPECT_TRUE(found.interrupted);
  EXPECT_EQ(found.points.size(), 30u);
  EXPECT_FALSE(found.suggested);
}

}  // namespace
}  // namespace graft::training
