// Steps on weights that are trained as they are, of which there is one state in memory.

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>

#include "graft/lora/adapter_file.h"
#include "graft/models/registry.h"
#include "graft/training/in_place_step.h"
#include "graft/training/recomputed_layers.h"
#include "graft/training/trainer.h"
#include "tests/support/arrays.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::training {
namespace {

using testing::distance;
using testing::same_bits;

class FullFineTuning : public ::testing::TestWithParam<const char*> {
 protected:
  FullFineTuning() {
    for (int i = 0; i < 12; ++i) {
      data::Example example{.ids = {}, .line = i + 1};
      for (int t = 0; t < 5 + i % 4; ++t) example.ids.push_back((7 * i + 3 * t) % 60 + 1);
      set_.examples.push_back(example);
    }
  }

  struct Subject {
    std::unique_ptr<models::Model> model;
    lora::Adapters adapters;
  };

  static Subject subject(int layers = -1) {
    auto model = models::load_model(io::ModelFolder::open(testing::fixture(GetParam())));
    lora::LoraSettings settings;
    settings.type = lora::FineTuneType::full;
    settings.num_layers = layers;
    settings.extra = {"outside"};
    lora::Adapters adapters = lora::attach(*model, settings);
    return {std::move(model), std::move(adapters)};
  }

  std::vector<data::Batch> group(int step, int batches) const {
    std::vector<data::Batch> all;
    for (int i = 0; i < batches; ++i) {
      const auto first = static_cast<size_t>((3 * step + 2 * i) % 10);
      all.push_back(data::make_batch(set_, {first, first + 1}));
    }
    return all;
  }

  // Parameters after three steps.
  std::vector<mx::array> trained(const OptimizerOptions& options, bool in_place, bool recomputes,
                                 int batches, float max_norm) const {
    Subject s = subject();
    const models::ParameterSet& parameters = s.adapters.parameters();
    const auto optimizer = make_optimizer(options);
    TrainOptions layers;
    layers.grad_checkpoint = recomputes;
    const auto runner = make_runner(*s.model, parameters, layers);
    TrainState state = optimizer->start(parameters);
    for (int i = 0; i < 3; ++i) {
      const StepOptions step{.rate = 1e-2f, .max_norm = max_norm};
      if (in_place) {
        const InPlaceStep done = step_in_place(CrossEntropy(), *runner, *optimizer, parameters,
                                               state, group(i, batches), step);
        EXPECT_TRUE(done.finite);
        continue;
      }
      LazyStep lazy = lazy_step(CrossEntropy(), *runner, *optimizer, parameters, state,
                                group(i, batches), step);
      mx::eval(lazy.results());
      state = std::move(lazy.next);
      parameters.set(state.parameters);
    }
    return state.parameters;
  }

  data::Dataset set_;
};

TEST_P(FullFineTuning, AStepInPlaceIsTheStep) {
  for (const char* name : {"adamw", "sgd", "lion", "adafactor", "muon"}) {
    SCOPED_TRACE(name);
    OptimizerOptions options;
    options.name = name;
    for (const auto& [batches, max_norm] : {std::pair{1, 0.0f}, {2, 0.0f}, {1, 0.05f}}) {
      // The norm is summed in another order: the others divide by gradients, which are near 0.
      if (max_norm > 0 && options.name != "sgd") continue;
      const auto expected = trained(options, false, false, batches, max_norm);
      const auto found = trained(options, true, false, batches, max_norm);
      for (size_t i = 0; i < expected.size(); ++i) {
        if (max_norm == 0) {
          EXPECT_TRUE(same_bits(found[i], expected[i])) << i;
        } else {
          EXPECT_LT(distance(found[i], expected[i]), 1e-5) << i;
        }
      }
    }
  }
}

TEST_P(FullFineTuning, RecomputedLayersGiveTheSame) {
  OptimizerOptions options;
  options.adam_bits = 8;
  const auto expected = trained(options, true, false, 1, 0);
  const auto found = trained(options, true, true, 1, 0);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(found[i], expected[i])) << i;
}

TEST_P(FullFineTuning, AStepThatIsNotFiniteChangesNothing) {
  Subject s = subject();
  const models::ParameterSet& parameters = s.adapters.parameters();
  std::vector<mx::array> values = parameters.values();
  values[0] = mx::full(values[0].shape(), NAN, mx::float32);
  mx::eval(values);
  parameters.set(values);
  const auto optimizer = make_optimizer({});
  TrainState state = optimizer->start(parameters);
  const models::LayerRunner runner(*s.model);
  const InPlaceStep done = step_in_place(CrossEntropy(), runner, *optimizer, parameters, state,
                                         group(0, 1), {.rate = 1});
  EXPECT_FALSE(done.finite);
  EXPECT_EQ(state.step, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(same_bits(state.parameters[i], values[i]));
  }
}

// A state that nobody else holds is written over where it lies. (The weight of a layer's first norm
// is read again for the layer below, when it has been updated.)
TEST_P(FullFineTuning, ThereIsOneStateInMemory) {
  Subject s = subject();
  const models::ParameterSet& parameters = s.adapters.parameters();
  const auto optimizer = make_optimizer({});
  TrainState state = optimizer->start(parameters);
  const models::LayerRunner runner(*s.model);
  const auto step = [&](int i) {
    step_in_place(CrossEntropy(), runner, *optimizer, parameters, state, group(i, 1),
                  {.rate = 1e-3f});
  };
  step(0);  // the zeros that it begins with may be shared
  const auto places = [&] {
    std::vector<const float*> all;
    for (const mx::array& array : state.arrays()) {
      if (array.ndim() == 2) all.push_back(array.data<float>());
    }
    return all;
  };
  const std::vector<const float*> before = places();
  step(1);
  EXPECT_EQ(places(), before);
}

TEST_P(FullFineTuning, ATrainingThatIsResumedGivesTheSameBytes) {
  testing::TempFolder folder;
  TrainOptions options;
  options.iters = 12;
  options.save_every = 5;
  options.batches_a_step = 2;
  options.batch_size = 2;
  options.steps_per_eval = 4;
  options.max_norm = 1;
  options.schedule.learning_rate = 1e-3;
  options.optimizer.adam_bits = 8;
  const auto run = [&](const char* name, int stop_at) {
    options.adapter_file = folder / name;
    Subject s = subject(1);
    Trainer trainer(*s.model, s.adapters, set_, set_, options,
                    Events(std::vector<std::shared_ptr<EventSink>>{}));
    int steps = 0;
    return trainer.run([&] { return stop_at > 0 && ++steps == stop_at; });
  };
  EXPECT_EQ(run("whole.npz", 0), TrainEnd::finished);
  EXPECT_EQ(run("parts.npz", 7), TrainEnd::interrupted);
  const Checkpoint checkpoint =
      Checkpoints::find((folder / "parts.npz").string(), *silent_front_end());
  const auto model = models::load_model(io::ModelFolder::open(testing::fixture(GetParam())));
  lora::Adapters adapters = lora::apply(*model, lora::read_adapter_file(checkpoint.adapter_file));
  Trainer trainer(*model, adapters, set_, set_, options,
                  Events(std::vector<std::shared_ptr<EventSink>>{}));
  trainer.restore(checkpoint.read_parts());
  EXPECT_EQ(trainer.run([] { return false; }), TrainEnd::finished);
  const auto whole = lora::read_adapter_file(folder / "whole.npz").weights;
  const auto parts = lora::read_adapter_file(folder / "parts.npz").weights;
  ASSERT_EQ(whole.size(), parts.size());
  for (const auto& [name, tensor] : whole) {
    EXPECT_TRUE(same_bits(tensor.load(), parts.at(name).load())) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FullFineTuning,
                         ::testing::Values("llama/base", "llama/tied", "llama/sharded_bf16"),
                         [](const auto& test) { return std::string(test.param).substr(6); });

}  // namespace
}  // namespace graft::training
