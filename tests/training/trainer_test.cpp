#include "graft/training/trainer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "graft/lora/adapter_file.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "graft/training/evaluation.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::training {
namespace {

using testing::read_bytes;
using testing::TempFolder;

const fs::path kBase = testing::fixture("llama/base");

// What a run reports, in order.
class Record final : public EventSink {
 public:
  using EventSink::on;
  void on(const Stepped& step) override {
    losses.push_back(step.loss);
    if (after_step) after_step(step.iteration);
  }
  void on(const Reported& r) override { reports.push_back(r); }
  void on(const Validated& v) override { validations.emplace_back(v.iteration, v.loss); }
  void on(const Saved& saved) override { saves.push_back(saved.iteration); }
  void on(const SaveFailed& failed) override { failed_saves.push_back(failed.iteration); }
  void on(const Skipped& step) override { skipped.push_back(step.iteration); }
  void on(const Spiked& spike) override { spikes.push_back(spike); }
  void on(const Started& run) override { started.push_back(run.iteration); }
  void on(const Ended& run) override { ended.push_back(run.end); }
  void on(const Profiled& profile) override { phases = profile.phases; }

  std::vector<double> losses;
  std::vector<Reported> reports;
  std::vector<std::pair<int, double>> validations;
  std::vector<int> saves, failed_saves, skipped;
  std::vector<Spiked> spikes;
  std::vector<int> started;
  std::vector<TrainEnd> ended;
  std::vector<Phase> phases;
  std::function<void(int iteration)> after_step = {};
};

data::Dataset counting_set(int examples) {
  data::Dataset set;
  set.name = "counting.jsonl";
  for (int i = 0; i < examples; ++i) {
    std::vector<int32_t> ids;
    for (int t = 0; t < 6 + i % 5; ++t) ids.push_back((i + t) % 60 + 1);
    set.examples.push_back({.ids = ids, .line = i + 1});
  }
  return set;
}

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() {
    options_.iters = 20;
    options_.schedule.learning_rate = 1e-2;
    options_.steps_per_report = 5;
    options_.steps_per_eval = 10;
    options_.save_every = 8;
    options_.adapter_file = folder_ / "adapters.npz";
    options_.seed = 3;
  }

  TrainEnd run(
      Record& record, const std::function<bool()>& interrupted = [] { return false; }) {
    mx::random::seed(11);
    model_ = models::load_model(io::ModelFolder::open(kBase));
    lora::LoraSettings settings;
    settings.rank = 4;
    settings.scale = 4;
    settings.dropout = dropout_;
    settings.num_layers = -1;
    settings.keys = {"q_proj", "v_proj", "down_proj"};
    lora::Adapters adapters =
        resume_ ? lora::apply(*model_, lora::read_adapter_file(resume_->adapter_file))
                : lora::attach(*model_, settings);
    adapters_ = &adapters;
    if (before_run_) before_run_();
    // The record outlives the run.
    const std::shared_ptr<EventSink> sink(&record, [](EventSink*) {});
    Trainer trainer(*model_, adapters, train_, valid_, options_, Events({sink}));
    if (resume_) trainer.restore(resume_->read_parts());
    return trainer.run(interrupted);
  }

  // Makes what the next step computes with no numbers.
  void spoil() {
    std::vector<mx::array> values = adapters_->parameters().values();
    for (mx::array& v : values) {
      v = mx::full(v.shape(), std::numeric_limits<float>::quiet_NaN(), mx::float32);
    }
    adapters_->parameters().set(values);
  }

  lora::Adapters* adapters_ = nullptr;  // of the run
  TempFolder folder_;
  data::Dataset train_ = counting_set(10);
  data::Dataset valid_ = counting_set(7);
  TrainOptions options_;
  float dropout_ = 0;
  std::function<void()> before_run_ = {};
  std::optional<Checkpoint> resume_ = {};
  std::unique_ptr<models::Model> model_;
};

TEST_F(TrainerTest, LossFallsAndTheOrderOfReportsIsTheExamples) {
  Record record;
  EXPECT_EQ(run(record), TrainEnd::finished);
  EXPECT_EQ(record.losses.size(), 20u);
  EXPECT_LT(record.losses.back(), 0.8 * record.losses.front());
  EXPECT_EQ(record.reports.size(), 4u);
  EXPECT_EQ(record.reports[1].iteration, 10);
  double mean = 0;
  for (int i = 5; i < 10; ++i) mean += record.losses[static_cast<size_t>(i)] / 5;
  EXPECT_NEAR(record.reports[1].loss, mean, 1e-9);
  ASSERT_EQ(record.validations.size(), 3u);  // before the first step, at 10, at 20
  EXPECT_EQ(record.validations[0].first, 1);
  EXPECT_LT(record.validations[2].second, record.validations[0].second);
  EXPECT_EQ(record.saves, (std::vector<int>{8, 16, 20}));
}

TEST_F(TrainerTest, FirstValidationIsThatOfTheBaseModel) {
  Record record;
  options_.iters = 1;
  run(record);
  auto base = models::load_model(io::ModelFolder::open(kBase));
  Evaluation expected =
      evaluate(models::LayerRunner(*base), data::EvaluationBatches(valid_, 4, -1));
  EXPECT_DOUBLE_EQ(record.validations[0].second, expected.loss);
}

TEST_F(TrainerTest, SameSeedGivesTheSameBytes) {
  Record a, b;
  dropout_ = 0.2f;
  run(a);
  std::string first = read_bytes(options_.adapter_file);
  run(b);
  EXPECT_EQ(read_bytes(options_.adapter_file), first);
  EXPECT_EQ(a.losses, b.losses);
  options_.seed = 4;
  Record c;
  run(c);
  EXPECT_NE(a.losses, c.losses);
}

TEST_F(TrainerTest, AdapterSaysHowItWasTrainedAndWithWhatLosses) {
  Record record;
  options_.origin.provenance.origin = io::Origin{"acme/base", ""};
  options_.origin.provenance.steps = {{"graft lora", "0", {{"seed", "3"}}}};
  options_.iters = 18;
  run(record);
  const io::Provenance found = lora::read_adapter_file(options_.adapter_file).provenance;
  EXPECT_EQ(found.origin->repository, "acme/base");
  ASSERT_EQ(found.steps.size(), 1u);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"seed", "3"},
      {"iterations", "18"},
      {"training loss", fmt::format("{:.3f}", record.reports[2].loss)},  // the last of usual length
      {"validation loss", fmt::format("{:.3f}", record.validations.back().second)}};
  EXPECT_EQ(record.validations.back().first, 18);  // after the last iteration, too
  EXPECT_EQ(found.steps[0].facts, expected);
}

TEST_F(TrainerTest, DropoutChangesTrainingAndNotValidation) {
  Record with, without;
  run(without);
  dropout_ = 0.5f;
  run(with);
  EXPECT_NE(with.losses, without.losses);
  // The adapter in the file has no dropout in effect, as in a validation.
  options_.iters = options_.steps_per_eval = 3;
  Record record;
  run(record);
  auto model = models::load_model(io::ModelFolder::open(kBase));
  lora::AdapterFile file = lora::read_adapter_file(options_.adapter_file);
  file.settings->dropout = 0;
  lora::Adapters adapters = lora::apply(*model, file);
  EXPECT_EQ(evaluate(models::LayerRunner(*model), data::EvaluationBatches(valid_, 4, -1)).loss,
            record.validations.back().second);
}

// With a rate of 0 a step's loss depends on its mask alone.
TEST_F(TrainerTest, EachStepDropsByItsSeedAndNumber) {
  train_ = counting_set(1);
  dropout_ = 0.5f;
  options_.schedule.learning_rate = 0;
  options_.iters = 3;
  std::vector<std::vector<double>> expected;  // of each seed: the losses
  // A fresh adapter's b is zero, and nothing comes of what is dropped.
  before_run_ = [&] {
    std::vector<mx::array> values;
    for (const mx::array& v : adapters_->parameters().values()) {
      values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(0.3f)));
    }
    mx::eval(values);
    adapters_->parameters().set(values);
    const data::Batch batch = make_batch(train_, {0});
    const models::LayerRunner runner(*model_);
    std::vector<double> losses;
    for (uint64_t step = 0; step < 3; ++step) {
      const Loss loss = CrossEntropy()(
          runner, batch,
          {.divisor = batch.weight(), .dropout = nn::DropoutKey{options_.seed, step}});
      losses.push_back(mx::array(loss.sum).item<float>());
    }
    expected.push_back(losses);
  };
  for (const uint64_t seed : {3, 4}) {
    options_.seed = seed;
    Record record;
    run(record);
    for (size_t step = 0; step < 3; ++step) {
      EXPECT_NEAR(record.losses[step], expected.back()[step], 1e-5) << seed << " " << step;
    }
  }
  EXPECT_GT(std::abs(expected[0][0] - expected[0][1]), 1e-4);
  EXPECT_GT(std::abs(expected[0][0] - expected[1][0]), 1e-4);
}

TEST_F(TrainerTest, SetSmallerThanABatchTrains) {
  train_ = counting_set(1);
  valid_ = counting_set(2);
  Record record;
  run(record);
  EXPECT_LT(record.losses.back(), 0.5 * record.losses.front());
}

TEST_F(TrainerTest, TellsOfAStepWithAFarLargerGradient) {
  Record record;
  options_.schedule.learning_rate = 0;
  record.after_step = [&](int iteration) {
    if (iteration != 18) return;
    std::vector<mx::array> values = adapters_->parameters().values();
    // b is zero: the loss stays, and the gradient of b is so many times as large.
    for (mx::array& v : values) v = mx::multiply(v, mx::array(20.0f));
    adapters_->parameters().set(values);
  };
  run(record);
  ASSERT_EQ(record.spikes.size(), 1u);
  EXPECT_EQ(record.spikes[0].iteration, 19);
  EXPECT_GT(record.spikes[0].gradient_norm, 10 * record.spikes[0].usual);
  EXPECT_EQ(record.reports.back().spikes, 1);
}

TEST_F(TrainerTest, InterruptSavesTheLastStep) {
  Record record;
  auto after_three = [&] { return record.losses.size() == 3; };
  EXPECT_EQ(run(record, after_three), TrainEnd::interrupted);
  EXPECT_EQ(record.started, std::vector<int>{0});
  EXPECT_EQ(record.ended, std::vector<TrainEnd>{TrainEnd::interrupted});
  EXPECT_EQ(record.saves, (std::vector<int>{3}));
  EXPECT_TRUE(fs::exists(options_.adapter_file));
}

TEST_F(TrainerTest, InterruptEndsAValidation) {
  Record record;
  EXPECT_EQ(run(record, [] { return true; }), TrainEnd::interrupted_at_start);
  EXPECT_TRUE(record.validations.empty());
  EXPECT_FALSE(fs::exists(options_.adapter_file));

  options_.steps_per_eval = 2;
  int asked = 0;  // the first validation asks once, each of two steps once, then the second one
  EXPECT_EQ(run(record, [&] { return ++asked == 4; }), TrainEnd::interrupted);
  EXPECT_EQ(record.validations.size(), 1u);
  EXPECT_EQ(record.saves, (std::vector<int>{2}));
}

// The last save stays, and the last parameters whose loss and gradient were finite lie beside it.
TEST_F(TrainerTest, LossesThatAreNotFiniteInARowKeepTheLastSaveAndTheLastGoodState) {
  Record before;
  run(before);
  const std::string earlier = read_bytes(options_.adapter_file);
  options_.save_every = 1000;
  options_.steps_per_eval = 1000;
  Record record;
  record.after_step = [&](int iteration) {
    if (iteration >= 5) spoil();
  };
  const fs::path kept = folder_ / "adapters.checkpoints" / "step-000008";
  testing::expect_error(
      [&] { run(record); },
      {"iteration 8: ", "counting.jsonl:", "for the 3rd time in a row",
       "the last state whose loss and gradient were finite, of 4 steps, is in " + kept.string()});
  EXPECT_EQ(record.skipped, (std::vector<int>{6, 7, 8}));
  EXPECT_TRUE(read_bytes(options_.adapter_file) == earlier);

  auto model = models::load_model(io::ModelFolder::open(kBase));
  lora::apply(*model, lora::read_adapter_file(kept / "adapters.npz"));
  const data::Dataset set = counting_set(10);
  EXPECT_LT(evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 4, -1)).loss,
            before.losses[0]);
}

// One bad batch, of an example that makes the gradient NaN, say.
TEST_F(TrainerTest, AStepThatIsNotFiniteIsSkippedAndCounted) {
  options_.iters = 12;
  std::vector<mx::array> good;
  Record record;
  record.after_step = [&](int iteration) {
    if (iteration == 5) {
      good = adapters_->parameters().values();
      spoil();
    }
    if (iteration == 6) adapters_->parameters().set(good);
  };
  EXPECT_EQ(run(record), TrainEnd::finished);
  EXPECT_EQ(record.skipped, std::vector<int>{6});
  EXPECT_TRUE(std::isnan(record.losses[5]));
  EXPECT_EQ(record.reports[1].skipped, 1);
  EXPECT_TRUE(std::isfinite(record.reports[1].loss));
  EXPECT_LT(record.losses.back(), record.losses.front());
}

// Wherever it was stopped, with all that is random: the rest is the same, to the byte.
class Resume : public TrainerTest, public ::testing::WithParamInterface<std::pair<bool, int>> {};

TEST_P(Resume, GivesTheBytesOfARunThatWasNeverStopped) {
  const auto [grad_checkpoint, batches] = GetParam();
  dropout_ = 0.2f;
  options_.iters = 12;
  options_.batch_size = 3;
  options_.grad_checkpoint = grad_checkpoint;
  options_.batches_a_step = batches;
  options_.steps_per_eval = 4;
  options_.save_every = 1;
  options_.keep = 100;
  Record whole;
  run(whole);
  const std::string expected = read_bytes(options_.adapter_file);
  for (int stopped = 1; stopped < options_.iters; ++stopped) {
    resume_ = Checkpoint::read(folder_ / fmt::format("adapters.checkpoints/step-{:06}", stopped));
    Record rest;
    EXPECT_EQ(run(rest), TrainEnd::finished);
    EXPECT_TRUE(read_bytes(options_.adapter_file) == expected) << stopped;
    const auto from = whole.losses.begin() + stopped;
    EXPECT_EQ(rest.losses, std::vector<double>(from, whole.losses.end())) << stopped;
    ASSERT_EQ(rest.reports.size(), whole.reports.size() - static_cast<size_t>(stopped / 5));
    for (size_t i = 0; i < rest.reports.size(); ++i) {
      const Reported& ours = rest.reports[rest.reports.size() - 1 - i];
      const Reported& theirs = whole.reports[whole.reports.size() - 1 - i];
      EXPECT_EQ(std::tie(ours.loss, ours.gradient_norm, ours.tokens),
                std::tie(theirs.loss, theirs.gradient_norm, theirs.tokens))
          << stopped;
    }
    for (size_t i = 0; i < rest.validations.size(); ++i) {
      EXPECT_EQ(rest.validations[rest.validations.size() - 1 - i],
                whole.validations[whole.validations.size() - 1 - i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Options, Resume,
                         ::testing::Values(std::pair(false, 1), std::pair(true, 1),
                                           std::pair(false, 2)));

// A training that is stopped where a validation is due makes up for it.
TEST_F(TrainerTest, AValidationThatAStopLeftOutComesFirst) {
  options_.steps_per_eval = 4;
  Record whole;
  run(whole);
  Record first;
  int steps = 0;
  run(first, [&] { return ++steps > 10 && first.losses.size() == 8; });
  EXPECT_EQ(first.validations.back().first, 4);
  resume_ = Checkpoints::newest(folder_ / "adapters.checkpoints", *silent_front_end());
  EXPECT_EQ(resume_->iteration(), 8);
  EXPECT_EQ(Checkpoints::find(folder_ / "adapters.npz", *silent_front_end()).iteration(), 8);
  testing::expect_error(
      [&] { Checkpoints::find(folder_ / "adapters.safetensors", *silent_front_end()); },
      {"the checkpoints in", "are those of", "adapters.npz"});
  Record rest;
  run(rest);
  EXPECT_EQ(rest.validations.front(), whole.validations[2]);
}

// The validation after the last iteration, between two that are due, has no part in when a training
// that goes on ends.
TEST_F(TrainerTest, ALastValidationDoesNotCountForPatience) {
  options_.steps_per_eval = 4;
  options_.patience = 2;
  options_.schedule.learning_rate = 0;  // never better
  Record whole;
  EXPECT_EQ(run(whole), TrainEnd::out_of_patience);
  options_.iters = 6;
  Record first;
  EXPECT_EQ(run(first), TrainEnd::finished);
  EXPECT_EQ(first.validations.back().first, 6);
  resume_ = Checkpoints::newest(folder_ / "adapters.checkpoints", *silent_front_end());
  options_.iters = 20;
  Record rest;
  EXPECT_EQ(run(rest), TrainEnd::out_of_patience);
  EXPECT_EQ(rest.validations.back(), whole.validations.back());
}

TEST_F(TrainerTest, ASaveThatFailsIsToldAndTriedAgain) {
  Record record;
  record.after_step =
      [&](int iteration) {  // a folder in the file's place is as good as a full disk
        if (iteration == 7) fs::create_directory(options_.adapter_file);
        if (iteration == 9) fs::remove(options_.adapter_file);
      };
  EXPECT_EQ(run(record), TrainEnd::finished);
  EXPECT_EQ(record.failed_saves, (std::vector<int>{8}));
  EXPECT_EQ(record.saves, (std::vector<int>{16, 20}));
}

TEST_F(TrainerTest, TheLastSaveMustNotFail) {
  Record record;
  record.after_step = [&](int iteration) {
    if (iteration == 18) {
      fs::remove(options_.adapter_file);
      fs::create_directory(options_.adapter_file);
    }
  };
  testing::expect_error([&] { run(record); }, {"cannot write", "adapters.npz"});
  fs::remove(options_.adapter_file);
}

TEST_F(TrainerTest, AFirstStepThatIsNotFiniteLeavesTheEarlierFile) {
  Record record;
  run(record);
  std::string earlier = read_bytes(options_.adapter_file);
  options_.schedule.learning_rate = 3e38;
  std::string message = testing::error_of([&] { run(record); });
  EXPECT_NE(message.find("iteration 3: "), std::string::npos) << message;
  EXPECT_NE(message.find("nothing was trained before"), std::string::npos) << message;
  EXPECT_EQ(read_bytes(options_.adapter_file), earlier);
}

TEST(BatchLoss, IsTheMeanOverTokensHoweverExamplesAreGrouped) {
  auto model = models::load_model(io::ModelFolder::open(kBase));
  data::Dataset set = counting_set(9);
  double one = evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 1, -1)).loss;
  double four = evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 4, -1)).loss;
  double all = evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 100, -1)).loss;
  EXPECT_NEAR(one, four, 1e-5 * one);
  EXPECT_NEAR(one, all, 1e-5 * one);
}

TEST_F(TrainerTest, AProfileAddsUpToTheTimeOfTheRun) {
  options_.profile = true;
  Record record;
  const auto start = std::chrono::steady_clock::now();
  run(record);
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - start;
  double sum = 0;
  std::map<std::string, int64_t> calls;
  for (const Phase& phase : record.phases) {
    EXPECT_GE(phase.seconds, 0) << phase.name;
    sum += phase.seconds;
    calls[phase.name] = phase.calls;
  }
  EXPECT_GT(sum, 0);
  EXPECT_LT(sum, all.count());
  EXPECT_EQ(calls["validation"], 3);
  EXPECT_EQ(calls["saving"], 5);
  if (ops::use_cpu_kernels()) {
    EXPECT_EQ(calls["HeadLoss"], options_.iters);  // those of the validations are not among them
  }
}

TEST_F(TrainerTest, AGroupOfBatchesIsAsOneBatch) {
  Record one, grouped;
  train_ = counting_set(8);  // whole batches
  options_.iters = 8;        // before differences of rounding have grown
  options_.schedule.learning_rate = 1e-3;
  run(one);
  options_.batch_size = 2;
  options_.batches_a_step = 2;
  run(grouped);
  ASSERT_EQ(grouped.losses.size(), one.losses.size());
  for (size_t i = 0; i < one.losses.size(); ++i) {
    EXPECT_NEAR(grouped.losses[i], one.losses[i], 2e-4 * one.losses[0]) << i;
  }
}

TEST_F(TrainerTest, LayersComputedAgainTrainToTheSameBytes) {
  for (float dropout : {0.0f, 0.4f}) {
    dropout_ = dropout;
    options_.grad_checkpoint = false;
    Record kept, recomputed;
    run(kept);
    const std::string expected = read_bytes(options_.adapter_file);
    options_.grad_checkpoint = true;
    run(recomputed);
    EXPECT_EQ(recomputed.losses, kept.losses);
    EXPECT_TRUE(read_bytes(options_.adapter_file) == expected);
  }
}

}  // namespace
}  // namespace graft::training
