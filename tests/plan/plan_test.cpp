#include "graft/plan/plan.h"

#include <gtest/gtest.h>

#include "graft/io/json.h"
#include "graft/lora/adapters.h"
#include "graft/models/registry.h"
#include "graft/plan/graph_work.h"
#include "graft/plan/planned_graph.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::plan {
namespace {

using testing::TempFolder;

// Examples of 10, 20, ... tokens.
data::Dataset growing_set(int examples) {
  data::Dataset set;
  for (int i = 1; i <= examples; ++i) {
    set.examples.push_back({std::vector<int32_t>(static_cast<size_t>(10 * i), i), {}, i});
  }
  return set;
}

json small_config() {
  return {{"model_type", "llama"},    {"hidden_size", 64},        {"intermediate_size", 96},
          {"num_hidden_layers", 3},   {"num_attention_heads", 4}, {"num_key_value_heads", 2},
          {"rms_norm_eps", 1e-5},     {"vocab_size", 128},        {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"}};
}

struct Planned {
  explicit Planned(json config = small_config(), int layers = -1)
      : model(models::load_model(io::ModelFolder::of_config("small", std::move(config)))),
        adapters(lora::attach(*model, {.rank = 4, .num_layers = layers, .keys = {"q_proj"}},
                              lora::Fresh::unread)) {
    options.iters = 10;
    options.batch_size = 2;
  }
  Subject subject() const { return {*model, adapters.parameters(), options}; }
  Memory memory(const data::Dataset& set, size_t program = 0,
                int64_t longest = data::kWhole) const {
    return training_memory(subject(), batches_of_run(set, set, options, longest), program);
  }

  std::unique_ptr<models::Model> model;
  lora::Adapters adapters;
  training::TrainOptions options;
};

TEST(RunBatches, AreThoseOfTheSampler) {
  const data::Dataset set = growing_set(9);
  training::TrainOptions options;
  options.iters = 7;
  options.batch_size = 2;
  options.batches_a_step = 2;
  options.seed = 3;
  data::Sampler sampler(set, training::batch_options(options), 3);
  int64_t most = 0;
  for (int i = 0; i < 7; ++i) {
    for (const data::Batch& batch : sampler.next_group()) most = std::max(most, batch.tokens());
  }
  EXPECT_EQ(batches_of_run(set, set, options).largest.tokens(), most);
  // Beyond what is looked at: the longest two.
  options.iters = 1000000;
  EXPECT_EQ(batches_of_run(set, set, options).largest.tokens(), 89 + 79);
}

// Of the process with most tokens: no fewer than its even share, no more than the longest example
// more, and together all that there is.
TEST(RunBatches, OfSeveralProcessesAreTheLargestShares) {
  const data::Dataset set = growing_set(9);
  training::TrainOptions options;
  options.iters = 40;
  options.batch_size = 4;
  const RunBatches alone = batches_of_run(set, set, options);
  const RunBatches two = batches_of_run(set, set, options, data::kWhole, 2);
  EXPECT_EQ(alone.ranks, 1);
  EXPECT_EQ(two.ranks, 2);
  EXPECT_LT(two.largest.tokens(), alone.largest.tokens());
  EXPECT_GE(2 * two.largest.tokens(), alone.largest.tokens());
  // With more processes than examples each has one of them at most.
  const RunBatches many = batches_of_run(set, set, options, data::kWhole, 64);
  EXPECT_EQ(many.largest.tokens(), 89);
  EXPECT_EQ(many.a_step, 1);
}

TEST(TrainingMemory, CountsTheWeightsThatAreRead) {
  const Planned planned;
  const Memory memory = planned.memory(growing_set(3), 1000);
  EXPECT_EQ(memory.program, 1000u);
  EXPECT_EQ(memory.weights, planned.model->bytes());  // small, so that all of it is read around
  // a [64, 4] and b [4, 64], m and v, of 3 layers, twice, and the new ones of a step with it.
  const size_t state = 3 * 3 * (64 * 4 + 4 * 64) * 4;
  EXPECT_EQ(memory.optimizer, 3 * state);
}

TEST(TrainingMemory, GrowsAndShrinksWithWhatAPersonCanChange) {
  const data::Dataset set = growing_set(40);
  Planned planned;
  const size_t all = planned.memory(set).total();
  EXPECT_LT(Planned(small_config(), 1).memory(set).total(), all);
  EXPECT_LT(planned.memory(set, 0, 100).total(), all);
  json quantized = small_config();
  quantized["quantization"] = {{"group_size", 32}, {"bits", 4}};
  EXPECT_LT(Planned(quantized).memory(set).weights, planned.memory(set).weights / 2);
  planned.options.grad_checkpoint = true;
  EXPECT_LT(planned.memory(set).total(), all);
  planned.options.grad_checkpoint = false;
  planned.options.batch_size = 8;
  EXPECT_GT(planned.memory(set).total(), 2 * all);
}

TEST(GraphWork, CountsTheProductsOfAStep) {
  const Planned planned;
  const data::Dataset set = growing_set(3);
  const int64_t tokens = 29;
  const KernelWork work =
      work_of(step_graph(planned.subject(), data::make_batch(set, {2})).outputs);
  const double layer = 64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 96;
  EXPECT_EQ(work.at("Linear").work.products, 2.0 * tokens * 3 * layer);
  EXPECT_EQ(work.at("Linear").work.unpacked, 3 * layer);
  EXPECT_EQ(work.at("Linear").work.adapters, 2.0 * tokens * 3 * 4 * (64 + 64));
  EXPECT_EQ(work.at("HeadLoss").work.products, 4.0 * tokens * 64 * 128);
  // Nothing below the lowest adapter wants a gradient: its q, k and v project to nothing's.
  EXPECT_EQ(work.at("LinearBackward").work.products,
            2.0 * tokens * (3 * layer - (64 * 64 + 2 * 64 * 32)));
}

TEST(GraphWork, TakesTheTimeOfItsUnits) {
  const KernelWork work = {{"Linear", {{.products = 100, .adapters = 10, .unpacked = 5}, 7}},
                           {"Other", {{}, 50}},
                           {kOthers, {{}, 20}}};
  const KernelSpeeds speeds = {{"Linear", {.product = 1, .adapter = 2, .unpacked = 3}},
                               {kOthers, {.byte = 4}}};
  EXPECT_EQ(seconds_of(work, speeds), 100 + 20 + 15 + 200 + 80);
}

TEST(MachineSpeed, IsMeasuredOnceAndAgainWhereItsFileIsBroken) {
  const TempFolder folder;
  const fs::path file = folder / "cache" / "speed.json";
  const Planned planned;
  const KernelSpeeds measured = machine_speeds(*planned.model, file);
  for (const char* name : {"Linear", "LinearBackward", "Attention", "HeadLoss"}) {
    ASSERT_TRUE(measured.count(name)) << name;
    EXPECT_GT(measured.at(name).product, 0) << name;
  }
  EXPECT_GT(measured.at(kOthers).byte, 0);

  json cache = io::read_json_object(file);
  json& kinds = cache.begin().value();
  ASSERT_EQ(kinds.size(), 1u);
  kinds.begin().value()["Linear"] = {1e-9, 0, 0, 0};
  write_text(file, cache.dump());
  EXPECT_EQ(machine_speeds(*planned.model, file).at("Linear").product, 1e-9);

  for (const char* broken : {"", "{", "[]", "{\"a\": 1}"}) {
    write_text(file, broken);
    EXPECT_NE(machine_speeds(*planned.model, file).at("Linear").product, 1e-9) << broken;
    EXPECT_FALSE(io::read_json_object(file).empty());
  }
  kinds.begin().value()["Linear"] = {-1, 0, 0, 0};
  write_text(file, cache.dump());
  EXPECT_GT(machine_speeds(*planned.model, file).at("Linear").product, 0);
}

TEST(Plan, SaysTimesAsPeopleDo) {
  EXPECT_EQ(duration(0.8123), "0.81 s");
  EXPECT_EQ(duration(0.00214), "0.0021 s");
  EXPECT_EQ(duration(0), "0.001 s");
  EXPECT_EQ(duration(4.237), "4.24 s");
  EXPECT_EQ(duration(42.4), "42 s");
  EXPECT_EQ(duration(840), "14 min");
  EXPECT_EQ(duration(12000), "3 h 20 min");
  EXPECT_EQ(duration(7 * 86400), "7.0 days");
  const Plan plan{.memory = {.weights = 1930000000}, .time = {.step = 0.81, .run = 840}};
  EXPECT_EQ(in_short(plan), "about 1.93 GB of memory, 0.81 s a step, 14 min in all");
}

TEST(Plan, OfSeveralProcessesHasTheirExchange) {
  Planned planned;
  planned.options.iters = 100;
  planned.options.batch_size = 4;
  const data::Dataset set = growing_set(9);
  const KernelSpeeds speeds = {{kOthers, {.byte = 1e-9}}};
  const RunBatches alone = batches_of_run(set, set, planned.options),
                   two = batches_of_run(set, set, planned.options, data::kWhole, 2);
  const Time one = training_time(planned.subject(), alone, speeds);
  const Time shared = training_time(planned.subject(), two, speeds);
  const Time exchanged = training_time(planned.subject(), two, speeds, 0, {}, 0.25);
  EXPECT_LT(shared.step, one.step);
  EXPECT_NEAR(exchanged.step, shared.step + 0.25, 1e-9);
  EXPECT_NEAR(exchanged.run, shared.run + 25, 1e-6);
  EXPECT_EQ(exchanged.exchange, 0.25);
  const Plan plan{
      .memory = {.weights = 1930000000}, .time = {.step = 0.81, .run = 840}, .ranks = 2};
  EXPECT_EQ(in_short(plan),
            "about 1.93 GB of memory for each process, 0.81 s a step, 14 min in all");
}

TEST(Plan, CountsStepsValidationsAndSavesThatAreLeft) {
  Planned planned;
  planned.options.iters = 100;
  planned.options.steps_per_eval = 50;
  const data::Dataset set = growing_set(4);
  const RunBatches batches = batches_of_run(set, set, planned.options);
  const KernelSpeeds speeds = {{kOthers, {.byte = 1e-9}}};
  const Time whole = training_time(planned.subject(), batches, speeds);
  const Time rest = training_time(planned.subject(), batches, speeds, 60);
  EXPECT_EQ(whole.validations, 3);
  EXPECT_EQ(rest.validations, 1);
  planned.options.iters = 101;  // there is one after the last, too
  EXPECT_EQ(training_time(planned.subject(), batches, speeds).validations, 4);
  planned.options.iters = 100;
  EXPECT_NEAR(rest.run - 40 * rest.step - rest.validation,
              whole.run - 100 * whole.step - 3 * whole.validation, 1e-2);
}

}  // namespace
}  // namespace graft::plan
