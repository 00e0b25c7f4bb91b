#include "graft/calibration/repair.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <set>

#include "graft/calibration/layer_walk.h"
#include "graft/calibration/round_model.h"
#include "graft/calibration/texts.h"
#include "graft/calibration/tuning.h"
#include "graft/convert/convert.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/arrays.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::calibration {
namespace {

using lora::FusedFormat;
using testing::same_bits;

// MLX's products with quantized matrices take minutes for these on a CPU.
#define GRAFT_SKIP_WITHOUT_KERNELS() \
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "too slow without kernels"

// Texts of 40 tokens.
data::Dataset texts(size_t count, int32_t first = 0) {
  data::Dataset set{.name = "texts"};
  for (size_t i = 0; i < count; ++i) {
    data::Example example;
    example.line = static_cast<int64_t>(i) + 1;
    for (int32_t j = 0; j < 40; ++j) {
      example.ids.push_back((first + static_cast<int32_t>(i) * 7 + j * j) % 120 + 4);
    }
    set.examples.push_back(example);
  }
  return set;
}

// A tiny model in few bits, or dense, and adapters that change what it says.
class Repairing : public ::testing::Test {
 protected:
  Repairing() : calibration_(texts_of(texts(40), {})), measured_(texts_of(texts(8, 50), {})) {}

  void make(int bits, const char* mode = "affine") {
    mx::random::seed(6);
    testing::TinyCheckpoint tiny;
    tiny.dtype = mx::float32;
    tiny.layers = 3;
    tiny.head = head_;
    tiny.make();
    for (auto& [name, tensor] : tiny.tensors) {  // as in real models: layers weigh in the logits
      if (tensor.ndim() == 1) tensor = mx::ones(tensor.shape(), mx::float32);
    }
    // What layers read has few directions, as in real models.
    tiny.tensors.insert_or_assign(
        "model.embed_tokens.weight",
        mx::multiply(mx::matmul(mx::random::normal({128, 6}), mx::random::normal({6, 64})),
                     mx::array(0.3f)));
    tiny.write(folder_ / "dense");
    if (bits == 0) {
      model_ = models::load_model(io::ModelFolder::open(folder_ / "dense"));
      return;
    }
    convert::convert({.hf_path = folder_ / "dense",
                      .mlx_path = folder_ / "few_bits",
                      .quantize = true,
                      .q_bits = bits,
                      .q_group_size = default_group_size(*quantization_mode(mode)) == 16 ? 16 : 32,
                      .q_mode = mode});
    model_ = models::load_model(io::ModelFolder::open(folder_ / "few_bits"));
  }

  lora::Adapters adapt(const std::vector<std::string>& keys, float size) {
    lora::Adapters adapters =
        lora::attach(*model_, {.rank = 4, .scale = 1, .num_layers = 2, .keys = keys});
    std::vector<mx::array> values;
    for (const mx::array& v : adapters.parameters().values()) {
      values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(size)));
    }
    mx::eval(values);
    adapters.parameters().set(values);
    return adapters;
  }

  RepairReport repair(const lora::Adapters& adapters, const RepairOptions& options) {
    layers_.emplace(*model_, adapters, FusedFormat{});
    return fuse_and_repair(*model_, *layers_, {calibration_, measured_}, 5, options, front_end_);
  }

  // Embedding or head.
  models::AnyLinear outside(const std::string& path) const {
    for (const models::Part& part : model_->parts()) {
      const auto* matrix = std::get_if<models::Matrix>(&part.part);
      if (matrix != nullptr && matrix->path == path) return matrix->layer;
    }
    throw std::runtime_error("no " + path);
  }

  // Also embedding and head.
  void round_all_to_nearest(const SettingOf& setting_of) {
    std::vector<models::LinearPart> all = models::adaptable_of(model_->parts());
    for (const models::LinearPart& part : all) {
      const auto own = setting_of(part);
      if (!own) continue;
      ops::Weight& weight = const_cast<ops::Weight&>(part.weight());
      weight = ops::quantized_as(weight.weight, own->setting.mode, own->setting.bits,
                                 own->setting.group_size);
    }
    for (const models::Part& part : model_->parts()) {
      const auto* matrix = std::get_if<models::Matrix>(&part.part);
      if (matrix != nullptr && matrix->tied != nullptr) *matrix->tied = *matrix->weight;
    }
  }

  mx::array logits() const {
    return models::logits(*model_, mx::arange(3, 63, mx::int32), model_->context({{0, 60, 0, 60}}));
  }

  testing::TempFolder folder_;
  bool head_ = true;  // of its own
  std::unique_ptr<models::Model> model_;
  std::vector<data::Batch> calibration_, measured_;
  std::optional<FusedLayers> layers_;
  testing::RecordingFrontEnd front_end_;
};

TEST_F(Repairing, TextsAreSpreadOverTheSet) {
  const data::Dataset set = texts(100);
  const auto batches = texts_of(set, {.most_tokens = 390, .batch_tokens = 100});
  std::vector<size_t> examples;
  for (const data::Batch& batch : batches) {
    EXPECT_LE(batch.tokens(), 100);
    examples.insert(examples.end(), batch.examples.begin(), batch.examples.end());
  }
  EXPECT_EQ(examples, (std::vector<size_t>{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}));
  EXPECT_EQ(texts_of(set, {.most_tokens = 1}).size(), 1u);
  EXPECT_EQ(texts_of(set, {.longest = 10, .batch_tokens = 1000}).front().tokens(), 900);
  EXPECT_TRUE(texts_of(data::Dataset{.name = "none"}, {}).empty());
}

// What a layer reads is what the layers below give it as they are then.
TEST_F(Repairing, LayersAreVisitedFromTheLowestUp) {
  make(0);
  const auto moments = [&](bool zero) {
    std::vector<models::LinearPart> some;
    for (const models::LinearPart& part : models::linears_of(model_->parts())) {
      const std::string& path = part.path();
      if (path.ends_with("q_proj") || path.ends_with("v_proj") || path.ends_with("down_proj")) {
        some.push_back(part);
      }
    }
    std::vector<mx::array> all;
    visit_layers(*model_, calibration_, some, [&](size_t i, const mx::array& h) {
      EXPECT_EQ(i, all.size());
      all.push_back(h);
      ops::Weight& weight = std::get<nn::Linear*>(some[i].linear)->weight;
      if (zero && some[i].layer == 0) weight.weight = mx::zeros_like(weight.weight);
    });
    return all;
  };
  const std::vector<mx::array> as_it_was = moments(false);
  ASSERT_EQ(as_it_was.size(), 9u);
  // q and v read the same, the embedding's norm: each row has a mean square of 1.
  EXPECT_TRUE(same_bits(as_it_was[0], as_it_was[1]));
  mx::array trace = mx::mean(mx::diagonal(as_it_was[0]));
  EXPECT_NEAR(trace.item<float>(), 1, 1e-2);
  EXPECT_EQ(as_it_was[2].shape(), (mx::Shape{96, 96}));
  const std::vector<mx::array> changed = moments(true), zeroed = moments(false);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(changed[i], as_it_was[i])) << i;
  for (size_t i = 3; i < 9; ++i) {
    EXPECT_FALSE(same_bits(changed[i], as_it_was[i])) << i;
    EXPECT_TRUE(same_bits(changed[i], zeroed[i])) << i;
  }
  for (const models::LinearPart& part : models::linears_of(model_->parts())) {
    EXPECT_EQ(std::get<nn::Linear*>(part.linear)->read, nullptr);
  }
}

TEST_F(Repairing, TuningBringsScalesBack) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(4);
  const Predicted wanted = predictions_of(*model_, calibration_);
  EXPECT_NEAR(compare(*model_, calibration_, wanted).divergence, 0, 1e-6);
  std::vector<models::LinearPart> linears;
  std::vector<mx::array> codes;
  for (const models::LinearPart& part : models::linears_of(model_->parts())) {
    if (part.layer != 1) continue;
    linears.push_back(part);
    ops::Weight& weight = std::get<nn::Linear*>(part.linear)->weight;
    weight.scales = mx::astype(mx::multiply(*weight.scales, mx::array(1.1f)), mx::float16);
    weight.biases = mx::astype(*weight.biases, mx::float16);
    codes.push_back(weight.weight);
  }
  const double before = compare(*model_, calibration_, wanted).divergence;
  int steps = 0;
  tune_scales(*model_, linears, calibration_, wanted,
              {.steps = 60, .rate = 2e-4f, .done = [&](int done) { steps = done; }});
  EXPECT_EQ(steps, 60);
  EXPECT_LT(compare(*model_, calibration_, wanted).divergence, 0.2 * before);
  for (size_t i = 0; i < linears.size(); ++i) {
    const ops::Weight& weight = linears[i].weight();
    EXPECT_TRUE(same_bits(weight.weight, codes[i]));
    EXPECT_EQ(weight.scales->dtype(), mx::float16);
  }
}

TEST_F(Repairing, RoundingForInputsKeepsMoreThanRoundingToTheNearest) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(4);
  const lora::Adapters adapters = adapt({"q_proj", "v_proj", "down_proj"}, 0.06f);
  const RepairReport report = repair(adapters, {.max_loss_gap = -1,
                                                .steps = {Repair::round, Repair::tune},
                                                .tuning_steps = 40,
                                                .tuning_rate = 1e-4f});
  ASSERT_EQ(report.steps.size(), 3u);
  EXPECT_FALSE(report.within);
  EXPECT_FALSE(report.worst.empty());
  EXPECT_LT(report.steps[1].divergence, 0.5 * report.steps[0].divergence);
  EXPECT_LT(report.steps[2].divergence, report.steps[1].divergence);
  EXPECT_EQ(report.steps[1].bytes, report.steps[0].bytes);
  // What is reported is the model as it is now.
  EXPECT_NEAR(mean_loss(*model_, measured_), report.steps.back().loss, 1e-5);
  for (const models::LinearPart& part : adapters.linears()) {
    EXPECT_FALSE(part.adapter());
    EXPECT_EQ(part.weight().bits, 4);
    EXPECT_EQ(part.weight().group_size, 32);
  }
}

TEST_F(Repairing, EndsAsSoonAsItIsGoodEnough) {
  make(4);
  const RepairReport report = repair(adapt({"q_proj"}, 0.1f), {.max_loss_gap = 100});
  EXPECT_TRUE(report.within);
  EXPECT_EQ(report.steps.size(), 1u);
  EXPECT_TRUE(report.worst.empty());
}

// As few layers as the loss needs, and no other one.
TEST_F(Repairing, RaisesTheBitsOfSomeLayers) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(2);
  const lora::Adapters adapters = adapt({"q_proj", "v_proj", "down_proj", "up_proj"}, 0.5f);
  const RepairReport all = repair(adapters, {.max_loss_gap = -1, .steps = {Repair::bits}});
  EXPECT_FALSE(all.within);
  for (const models::LinearPart& part : adapters.linears()) EXPECT_EQ(part.weight().bits, 8);
  const double rounded = all.steps.front().loss, raised = all.steps.back().loss;
  ASSERT_GT(rounded, raised);

  make(2);
  const lora::Adapters again = adapt({"q_proj", "v_proj", "down_proj", "up_proj"}, 0.5f);
  const double gap = 0.95 * rounded + 0.05 * raised - all.adapted.loss;
  const RepairReport some = repair(again, {.max_loss_gap = gap, .steps = {Repair::bits}});
  EXPECT_TRUE(some.within);
  EXPECT_LE(some.steps.back().loss, some.adapted.loss + gap);
  std::multiset<int> bits;
  for (const models::LinearPart& part : again.linears()) bits.insert(part.weight().bits);
  EXPECT_GT(bits.count(2), 0u);
  EXPECT_GT(bits.count(6), 0u);
  EXPECT_GT(some.steps.back().bytes, some.steps.front().bytes);
}

TEST_F(Repairing, LayersThatKeepTheirAdaptersLoseNothing) {
  make(2);
  const mx::array before = logits();
  const lora::Adapters adapters = adapt({"q_proj", "down_proj"}, 0.2f);
  const mx::array adapted = logits();
  ASSERT_GT(testing::distance(before, adapted), 0.01);
  const RepairReport report = repair(adapters, {.max_loss_gap = -1, .steps = {Repair::remainder}});
  EXPECT_NEAR(report.steps.back().divergence, 0, 1e-6);
  EXPECT_TRUE(same_bits(logits(), adapted));
}

// The most useful first, and no more than it takes.
TEST_F(Repairing, AsFewLayersAsItTakesKeepTheirAdapters) {
  make(2);
  const lora::Adapters first = adapt({"q_proj", "down_proj"}, 0.2f);
  const RepairReport none = repair(first, {.max_loss_gap = -1, .steps = {}});
  ASSERT_GT(none.steps.back().loss, none.adapted.loss);
  EXPECT_EQ(none.worst.size(), 4u);
  make(2);
  const lora::Adapters again = adapt({"q_proj", "down_proj"}, 0.2f);
  const double gap = (none.steps.back().loss - none.adapted.loss) / 2;
  const RepairReport some = repair(again, {.max_loss_gap = gap, .steps = {Repair::remainder}});
  EXPECT_TRUE(some.within);
  int left = 0;
  for (const models::LinearPart& part : again.linears()) left += part.adapter().has_value();
  EXPECT_GT(left, 0);
  EXPECT_LT(left, 4);
  EXPECT_EQ(some.steps.back().what, fmt::format("{} layers beside their adapters", left));
}

// What has as many bits already is no layer with more.
TEST_F(Repairing, BitsThatAreThereAreNotRaised) {
  make(8);
  const RepairReport report =
      repair(adapt({"q_proj"}, 0.2f), {.max_loss_gap = -1, .steps = {Repair::bits}});
  EXPECT_EQ(report.steps.size(), 1u);
}

// Without texts for it nothing is rounded or tuned, and the rest goes on.
TEST_F(Repairing, TextsThatAreMeasuredAreNotLearnedFrom) {
  make(2);
  calibration_.clear();
  const RepairReport report =
      repair(adapt({"q_proj"}, 0.2f),
             {.max_loss_gap = -1, .steps = {Repair::round, Repair::tune, Repair::bits}});
  ASSERT_EQ(report.steps.size(), 3u);
  EXPECT_EQ(report.steps[1].what, "2 layers with 6 bits");
}

TEST_F(Repairing, WhatIsWorseIsTakenBack) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(4);
  const RepairReport report = repair(
      adapt({"q_proj"}, 0.2f),
      {.max_loss_gap = -1, .steps = {Repair::tune}, .tuning_steps = 20, .tuning_rate = 0.5f});
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_EQ(report.steps[1].what, "scales tuned: worse, not taken");
  EXPECT_EQ(report.steps[1].loss, report.steps[0].loss);
  EXPECT_NEAR(mean_loss(*model_, measured_), report.steps[0].loss, 1e-5);
}

// What is on the grid of 4 bits is found there, and nowhere else.
TEST_F(Repairing, BitsThatGainNothingAreNotTaken) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(4);
  const lora::Adapters adapters = adapt({"q_proj", "down_proj"}, 0);
  const RepairReport report =
      repair(adapters, {.max_loss_gap = -1, .steps = {Repair::round, Repair::bits}});
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_NEAR(report.steps[1].divergence, 0, 1e-7);
  for (const models::LinearPart& part : adapters.linears()) EXPECT_EQ(part.weight().bits, 4);
}

TEST_F(Repairing, NumbersOfFewBitsAreRoundedButNotTuned) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  for (const char* mode : {"mxfp4", "nvfp4"}) {
    make(4, mode);
    const RepairReport report =
        repair(adapt({"q_proj", "v_proj", "down_proj"}, 0.06f),
               {.max_loss_gap = -1, .steps = {Repair::round, Repair::tune}});
    ASSERT_EQ(report.steps.size(), 2u) << mode;
    EXPECT_LT(report.steps[1].divergence, 0.6 * report.steps[0].divergence) << mode;
  }
}

// A tiny mixture of experts, those of one layer with scales that are off.
TEST_F(Repairing, TuningBringsScalesOfExpertsBack) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  mx::random::seed(6);
  testing::TinyCheckpoint tiny;
  tiny.dtype = mx::float32;
  tiny.make();
  tiny.config["model_type"] = "mixtral";
  tiny.config["num_local_experts"] = 3;
  tiny.config["num_experts_per_tok"] = 2;
  std::erase_if(tiny.tensors,
                [](const auto& one) { return one.first.find(".mlp.") != std::string::npos; });
  for (auto& [name, tensor] : tiny.tensors) {
    if (tensor.ndim() == 1) tensor = mx::ones(tensor.shape(), mx::float32);
  }
  for (int layer = 0; layer < tiny.layers; ++layer) {
    const std::string at = fmt::format("model.layers.{}.block_sparse_moe.", layer);
    tiny.weight(at + "gate", {3, tiny.hidden});
    for (int e = 0; e < 3; ++e) {
      const std::string expert = fmt::format("{}experts.{}.", at, e);
      tiny.weight(expert + "w1", {tiny.inner, tiny.hidden});
      tiny.weight(expert + "w2", {tiny.hidden, tiny.inner});
      tiny.weight(expert + "w3", {tiny.inner, tiny.hidden});
    }
  }
  tiny.write(folder_ / "experts");
  convert::convert({.hf_path = folder_ / "experts",
                    .mlx_path = folder_ / "few_bits",
                    .quantize = true,
                    .q_bits = 4,
                    .q_group_size = 32});
  model_ = models::load_model(io::ModelFolder::open(folder_ / "few_bits"));
  data::Batch batch;
  for (int32_t i = 0; i < 80; ++i) {
    batch.inputs.push_back(3 + (i * i) % 20);
    batch.targets.push_back(3 + ((i + 1) * (i + 1)) % 20);
    batch.weights.push_back(1);
  }
  batch.offsets = {0, 40, 80};
  batch.examples = {0, 1};
  const std::vector<data::Batch> batches = {batch};
  const Predicted wanted = predictions_of(*model_, batches);
  std::vector<models::LinearPart> experts;
  std::vector<ops::Weight> before;
  for (const models::LinearPart& part : models::linears_of(model_->parts())) {
    auto* const* layer = std::get_if<nn::ExpertLinear*>(&part.linear);
    if (layer == nullptr || part.layer != 0 || !is_tuned(part)) continue;
    experts.push_back(part);
    auto changed = std::make_shared<ops::ExpertWeights>(*(*layer)->weights);
    for (ops::Weight& weight : changed->each) {
      weight.scales = mx::multiply(*weight.scales, mx::array(1.2f, weight.scales->dtype()));
      mx::eval(*weight.scales);
    }
    changed->stack.reset();
    (*layer)->weights = changed;
    before.push_back(changed->each.front());
  }
  ASSERT_GE(experts.size(), 2u);
  const double off = compare(*model_, batches, wanted).divergence;
  tune_scales(*model_, experts, batches, wanted, {.steps = 80, .rate = 1e-3f});
  EXPECT_LT(compare(*model_, batches, wanted).divergence, 0.5 * off);
  for (size_t i = 0; i < experts.size(); ++i) {
    const ops::Weight& now = experts[i].weight();
    EXPECT_TRUE(same_bits(now.weight, before[i].weight));
    EXPECT_FALSE(same_bits(*now.scales, *before[i].scales));
    EXPECT_EQ(now.scales->dtype(), before[i].scales->dtype());
    EXPECT_FALSE(std::get<nn::ExpertLinear*>(experts[i].linear)->weights->trained);
  }
}

TEST_F(Repairing, StepsOfTuningThatAreNotFiniteAreCounted) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(4);
  Predicted wanted = predictions_of(*model_, calibration_);
  ASSERT_GT(calibration_.size(), 1u);
  const models::LinearPart part = models::linears_of(model_->parts()).front();
  const auto count = static_cast<int>(calibration_.size());
  const TuningOptions twice = {.steps = 2 * count};
  EXPECT_EQ(tune_scales(*model_, {part}, calibration_, wanted, twice), 0);
  wanted.states[1] = mx::full(wanted.states[1].shape(), NAN, wanted.states[1].dtype());
  EXPECT_EQ(tune_scales(*model_, {part}, calibration_, wanted, twice), 2);
  for (mx::array& states : wanted.states) states = mx::full(states.shape(), NAN, states.dtype());
  testing::expect_error([&] { tune_scales(*model_, {part}, calibration_, wanted, twice); },
                        {"scales cannot be tuned", "not finite"});
}

// While a line of progress is shown, a matrix of the model is not finite.
class Poisoning : public testing::RecordingFrontEnd {
 public:
  Poisoning(ops::Weight& weight, std::string what, std::string count)
      : weight_(weight),
        whole_(weight.scales.value()),
        what_(std::move(what)),
        count_(std::move(count)) {}

  void progress(const std::vector<ProgressLine>& lines) override {
    weight_.scales = whole_;
    if (lines.empty() || lines[0].fields[0] != what_ || lines[0].fields[1] != count_) return;
    weight_.scales = mx::full(whole_.shape(), NAN, whole_.dtype());
    ++times;
  }

  int times = 0;

 private:
  ops::Weight& weight_;
  mx::array whole_;
  std::string what_, count_;
};

TEST_F(Repairing, ALayerWithWhichTheLossIsNotFiniteIsNamedAndLeft) {
  for (const auto& [what, count] : {std::pair{"Looking for layers that lose", "1 of 4"},
                                    std::pair{"Choosing layers", "0 of 4"}}) {
    make(2);
    const lora::Adapters adapters = adapt({"q_proj", "down_proj"}, 0.3f);
    layers_.emplace(*model_, adapters, FusedFormat{});
    ops::Weight& head = std::get<nn::Linear*>(outside("lm_head"))->weight;
    Poisoning front_end(head, what, count);
    const RepairReport report = fuse_and_repair(
        *model_, *layers_, {calibration_, measured_}, 5,
        {.max_loss_gap = -1, .steps = {Repair::bits, Repair::remainder}}, front_end);
    EXPECT_EQ(front_end.times, 3) << what;
    ASSERT_EQ(front_end.warnings.size(), 3u) << what;
    size_t next = 0;
    for (const char* of : {"layers with 6 bits", "layers with 8 bits", "beside their adapters"}) {
      const std::string& warning = front_end.warnings[next++];
      EXPECT_NE(warning.find(of), std::string::npos) << warning;
      EXPECT_NE(warning.find("the loss is not finite"), std::string::npos) << warning;
      EXPECT_NE(warning.find("model.layers."), std::string::npos) << warning;
    }
    EXPECT_GE(report.steps.size(), 3u);
    const models::LinearPart& second = layers_->all()[1].part;
    if (std::string(what) == "Looking for layers that lose") {
      EXPECT_NE(front_end.warnings[0].find(second.path()), std::string::npos);
      EXPECT_EQ(second.weight().bits, 2);
      EXPECT_FALSE(second.adapter());
    }
    EXPECT_NEAR(mean_loss(*model_, measured_), report.steps.back().loss, 1e-5);
  }
}

TEST_F(Repairing, AnAdaptedEmbeddingThatIsTheHeadIsRoundedForWhatThatReads) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  head_ = false;
  make(4);
  const RepairReport report =
      repair(adapt({"embed_tokens"}, 0.06f), {.max_loss_gap = -1, .steps = {Repair::round}});
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_EQ(report.steps[1].what, "rounded for its inputs");
  EXPECT_LT(report.steps[1].divergence, 0.8 * report.steps[0].divergence);
  const ops::Weight head = model_->head(mx::zeros({0, 64}), {}).weight;
  const ops::Weight& embedding = layers_->all()[0].part.weight();
  EXPECT_TRUE(same_bits(head.weight, embedding.weight));
  EXPECT_TRUE(same_bits(*head.scales, *embedding.scales));
}

// A token that only those texts have makes all of them not finite.
TEST_F(Repairing, TextsThatAreNotFiniteEndNoMoreThanWhatNeedsThem) {
  GRAFT_SKIP_WITHOUT_KERNELS();
  make(4);
  const lora::Adapters adapters = adapt({"q_proj", "down_proj"}, 0.2f);
  for (data::Batch& batch : calibration_) batch.inputs[0] = 1;
  ops::Weight& embedding = std::get<nn::Embedding*>(outside("model.embed_tokens"))->weight;
  const mx::array row = mx::reshape(mx::equal(mx::arange(128), mx::array(1)), {128, 1});
  embedding.scales = mx::where(row, mx::array(NAN), *embedding.scales);
  const RepairReport report =
      repair(adapters, {.max_loss_gap = -1,
                        .steps = {Repair::round, Repair::tune, Repair::bits, Repair::remainder}});
  ASSERT_EQ(report.steps.size(), 3u);
  EXPECT_EQ(report.steps[1].what, "rounded for its inputs: worse, not taken");
  EXPECT_EQ(report.steps[2].what, "scales tuned: worse, not taken");
  ASSERT_EQ(front_end_.warnings.size(), 5u);  // of rounding, tuning, 6 and 8 bits, adapters
  for (const std::string& warning : front_end_.warnings) {
    EXPECT_NE(warning.find("model.layers.1.self_attn.q_proj"), std::string::npos) << warning;
  }
}

TEST_F(Repairing, MeasuringStopsWhenItIsTold) {
  make(4);
  const Predicted wanted = predictions_of(*model_, measured_, front_end_);
  front_end_.cancel = true;
  EXPECT_THROW(predictions_of(*model_, measured_, front_end_), Cancelled);
  EXPECT_THROW(compare(*model_, measured_, wanted, front_end_), Cancelled);
  EXPECT_THROW(mean_loss(*model_, measured_, front_end_), Cancelled);
}

TEST_F(Repairing, StopsWhenItIsTold) {
  make(4);
  const lora::Adapters adapters = adapt({"q_proj"}, 0.2f);
  front_end_.cancel = true;
  EXPECT_THROW(repair(adapters, {.max_loss_gap = -1}), Cancelled);
}

TEST_F(Repairing, AWholeModelIsRoundedForItsInputs) {
  using Setting = io::LayerQuantization;
  for (const Setting& own : {Setting{32, 3}, Setting::default_of(QuantizationMode::mxfp4),
                             Setting::default_of(QuantizationMode::nvfp4)}) {
    make(0);
    const Predicted wanted = predictions_of(*model_, measured_);
    const auto setting = [&](const models::LinearPart& part) -> std::optional<RoundingOptions> {
      if (part.path().ends_with("k_proj")) return {};
      return RoundingOptions{.setting = own, .dtype = mx::float16};
    };
    round_all_to_nearest(setting);
    const double nearest = compare(*model_, measured_, wanted).divergence;
    make(0);
    size_t last = 0;
    const auto weights = round_model(*model_, calibration_, setting, [&](size_t done, size_t all) {
      EXPECT_EQ(all, 20u);
      last = done;
    });
    EXPECT_EQ(last, 20u);
    EXPECT_EQ(weights.size(), 20u);
    EXPECT_EQ(weights.count("model.layers.0.self_attn.k_proj"), 0u);
    const ops::Weight& down = weights.at("model.layers.2.mlp.down_proj");
    EXPECT_EQ(down.mode, own.mode);
    EXPECT_EQ(down.scales->dtype(), own.bits == 3 ? mx::float16 : mx::uint8);
    EXPECT_EQ(weights.at("model.embed_tokens").out(), 128);
    EXPECT_LT(compare(*model_, measured_, wanted).divergence, 0.6 * nearest) << name_of(own.mode);
  }
}

// The layers stay as they are.
TEST_F(Repairing, AHeadIsRoundedForWhatItReads) {
  for (const bool tied : {true, false}) {
    head_ = !tied;
    make(0);
    const Predicted wanted = predictions_of(*model_, measured_);
    const auto setting = [](const models::LinearPart& part) -> std::optional<RoundingOptions> {
      if (part.layer >= 0) return {};
      return RoundingOptions{.setting = {32, 3}, .dtype = mx::float16};
    };
    round_all_to_nearest(setting);
    const double nearest = compare(*model_, measured_, wanted).divergence;
    make(0);
    const auto weights = round_model(*model_, calibration_, setting, [](size_t, size_t) {});
    EXPECT_EQ(weights.size(), tied ? 1u : 2u);
    EXPECT_EQ(weights.count("lm_head"), tied ? 0u : 1u);
    EXPECT_EQ(model_->untied_embedding() == nullptr, tied);
    EXPECT_LT(compare(*model_, measured_, wanted).divergence, 0.9 * nearest) << tied;
  }
}

TEST(RepairNames, AreReadBack) {
  for (const char* name : {"round", "tune", "bits", "remainder"}) {
    EXPECT_EQ(name_of(repair_named(name)), name);
  }
  testing::expect_error([] { repair_named("hope"); }, {"'hope'", "remainder"});
}

}  // namespace
}  // namespace graft::calibration
