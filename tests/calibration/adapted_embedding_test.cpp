// Models with adapters on embedding and head, whose layers are fused in place.

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include <algorithm>

#include "graft/calibration/repair.h"
#include "graft/convert/convert.h"
#include "graft/lora/fuse_model.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/distance.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::calibration {
namespace {

using testing::TempFolder;

// A tiny model of 4 bits, whose head is its embedding or a matrix of its own.
class AdaptedEmbedding : public ::testing::TestWithParam<bool> {
 protected:
  AdaptedEmbedding() {
    mx::random::seed(6);
    testing::TinyCheckpoint tiny;
    tiny.head = !tied();
    tiny.make();
    for (auto& [name, tensor] : tiny.tensors) {  // layers weigh in the logits
      if (tensor.ndim() == 1) tensor = mx::ones(tensor.shape(), tiny.dtype);
    }
    tiny.write(folder_ / "dense");
    convert::convert({.hf_path = folder_ / "dense",
                      .mlx_path = folder_ / "4_bits",
                      .quantize = true,
                      .q_group_size = 32});
    data::Batch batch;
    for (int32_t i = 0; i < 60; ++i) {
      batch.inputs.push_back(3 + i);
      batch.targets.push_back(4 + i);
      batch.weights.push_back(i % 4 == 0 ? 0.0f : 1.0f);
    }
    batch.offsets = {0, 25, 60};
    batch.examples = {0, 1};
    batches_ = {batch};
  }

  static bool tied() { return GetParam(); }

  std::unique_ptr<models::Model> load(const fs::path& folder) const {
    return models::load_model(io::ModelFolder::open(folder), mx::float32);
  }

  lora::Adapters adapted(models::Model& model) const {
    lora::LoraSettings settings{.rank = 4, .scale = 0.5f, .num_layers = 1};
    settings.keys = {"embed_tokens", "q_proj"};
    if (!tied()) settings.keys.emplace_back("lm_head");
    lora::Adapters adapters = lora::attach(model, settings);
    std::vector<mx::array> values;
    for (const mx::array& v : adapters.parameters().values()) {
      values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(0.3f)));
    }
    mx::eval(values);
    adapters.parameters().set(values);
    return adapters;
  }

  TempFolder folder_;
  std::vector<data::Batch> batches_;
};

INSTANTIATE_TEST_SUITE_P(Heads, AdaptedEmbedding, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "tied" : "own"; });

TEST_P(AdaptedEmbedding, IsMeasuredWithItsAdapters) {
  const auto model = load(folder_ / "4_bits");
  const double base = mean_loss(*model, batches_);
  const lora::Adapters adapters = adapted(*model);
  const Predicted wanted = predictions_of(*model, batches_);
  const Comparison same = compare(*model, batches_, wanted);
  EXPECT_LT(std::abs(same.divergence), 1e-5);
  EXPECT_GT(std::abs(same.loss - base), 0.1);
  const mx::array ids(batches_[0].inputs.begin(), {60}, mx::int32);
  const mx::array logits = models::logits(*model, ids, model->context(batches_[0].sequences()));
  const mx::array targets(batches_[0].targets.begin(), {60, 1}, mx::int32);
  const mx::array losses = mx::subtract(mx::logsumexp(logits, -1),
                                        mx::squeeze(mx::take_along_axis(logits, targets, 1), 1));
  const mx::array weights(batches_[0].weights.begin(), {60}, mx::float32);
  EXPECT_NEAR(same.loss, mx::sum(mx::multiply(losses, weights)).item<float>() / 45, 1e-4);
}

// Dense, nothing is lost; in few bits the model is what is then written.
TEST_P(AdaptedEmbedding, IsFusedToTheNearest) {
  using Format = lora::FusedFormat;
  for (const Format& format : {Format{Format::Kind::dense, 0, mx::float32}, Format{}}) {
    const bool is_dense = format.kind == Format::Kind::dense;
    SCOPED_TRACE(is_dense);
    const io::ModelFolder source = io::ModelFolder::open(folder_ / "4_bits");
    const auto model = load(source.path());
    const lora::Adapters adapters = adapted(*model);
    const Predicted wanted = predictions_of(*model, batches_);
    FusedLayers layers(*model, adapters, format);
    ASSERT_EQ(layers.all().size(), tied() ? 2u : 3u);
    EXPECT_EQ(layers.all()[0].path(), "model.layers.1.self_attn.q_proj");
    EXPECT_EQ(layers.count_rounded(), is_dense ? 0u : 2u);  // an embedding if it is the head
    RepairOptions options;
    options.max_loss_gap = -100;  // all is tried
    options.steps = {Repair::round};
    FrontEnd quiet;
    const RepairReport report =
        fuse_and_repair(*model, layers, {batches_, batches_}, 0, options, quiet);
    for (const models::LinearPart& part : adapters.linears()) EXPECT_FALSE(part.adapter());
    const Comparison now = compare(*model, batches_, wanted);
    if (is_dense) {
      EXPECT_LT(std::abs(now.divergence), 1e-5);
      continue;
    }
    EXPECT_LT(now.divergence, 0.5);
    EXPECT_GT(now.divergence, 1e-4);
    EXPECT_EQ(report.steps.size(), 2u);
    EXPECT_EQ(report.worst.size(), layers.all().size());
    EXPECT_EQ(std::count(report.worst.begin(), report.worst.end(), "model.embed_tokens"), 1);
    lora::fuse_model(source, *model, adapters, {folder_ / "fused", true}, {});
    const auto fused = load(folder_ / "fused");
    EXPECT_EQ(fused->untied_embedding() == nullptr, tied());
    EXPECT_LT(std::abs(compare(*fused, batches_, predictions_of(*model, batches_)).divergence),
              1e-5);
  }
}

// A head of its own is tuned as a layer is.
TEST_P(AdaptedEmbedding, AHeadIsTuned) {
  if (tied()) GTEST_SKIP() << "an embedding is not tuned";
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "too slow without kernels";
  const auto model = load(folder_ / "4_bits");
  lora::LoraSettings settings{.rank = 4, .scale = 0.5f, .num_layers = 1};
  settings.keys = {"lm_head"};
  const lora::Adapters adapters = lora::attach(*model, settings);
  std::vector<mx::array> values;
  for (const mx::array& v : adapters.parameters().values()) {
    values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(0.2f)));
  }
  adapters.parameters().set(values);
  FusedLayers layers(*model, adapters, {});
  ASSERT_EQ(layers.all().size(), 1u);
  const RepairOptions options{
      .max_loss_gap = -100, .steps = {Repair::tune}, .tuning_steps = 100, .tuning_rate = 1e-4f};
  FrontEnd quiet;
  const RepairReport report =
      fuse_and_repair(*model, layers, {batches_, batches_}, 0, options, quiet);
  ASSERT_EQ(report.steps.size(), 2u);
  EXPECT_EQ(report.steps[1].what, "scales tuned");
  EXPECT_LT(report.steps[1].divergence, 0.8 * report.steps[0].divergence);
}

// The embedding is a layer as any other: more bits, or its adapter beside the model.
TEST_P(AdaptedEmbedding, IsRepaired) {
  const io::ModelFolder source = io::ModelFolder::open(folder_ / "4_bits");
  for (const Repair step : {Repair::bits, Repair::remainder}) {
    const auto model = load(source.path());
    const lora::Adapters adapters = adapted(*model);
    const Predicted wanted = predictions_of(*model, batches_);
    FusedLayers layers(*model, adapters, {});
    FrontEnd quiet;
    const RepairReport report = fuse_and_repair(*model, layers, {batches_, batches_}, 0,
                                                {.max_loss_gap = -100, .steps = {step}}, quiet);
    ASSERT_GE(report.steps.size(), 2u);
    const double left = compare(*model, batches_, wanted).divergence;
    EXPECT_LT(left, 0.1 * report.steps[0].divergence);
    for (const models::LinearPart& part : adapters.linears()) {
      EXPECT_EQ(part.adapter().has_value(), step == Repair::remainder) << part.path();
      EXPECT_EQ(part.weight().bits, step == Repair::remainder ? 4 : 8) << part.path();
    }
    if (step == Repair::remainder) {
      EXPECT_LT(std::abs(left), 1e-5);
      continue;
    }
    lora::FuseOptions options;
    options.layers_are_fused = true;
    lora::fuse_model(source, *model, adapters, {folder_ / "fused", true}, options);
    const auto fused = load(folder_ / "fused");
    EXPECT_LT(std::abs(compare(*fused, batches_, predictions_of(*model, batches_)).divergence),
              1e-5);
  }
}

}  // namespace
}  // namespace graft::calibration
