// Adapters of the embedding and of the head.

#include "graft/lora/embedding_adapter.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <numeric>

#include "graft/convert/convert.h"
#include "graft/io/safetensors.h"
#include "graft/lora/fuse_model.h"
#include "graft/lora/layer_config.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "graft/ops/head_loss.h"
#include "graft/training/recomputed_layers.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/tiny_checkpoint.h"

namespace graft::lora {
namespace {

using testing::expect_error;
using testing::TempFolder;

const std::string kEmbedding = "model.embed_tokens", kHeadPath = "lm_head";

// A tiny model, dense or in 4 bits, whose head is its embedding or a matrix of its own.
class EmbeddingAdapter : public ::testing::TestWithParam<bool> {
 protected:
  static bool tied() { return GetParam(); }

  void make(mx::Dtype dtype, bool quantize = false) {
    mx::random::seed(6);
    testing::TinyCheckpoint tiny;
    tiny.dtype = dtype;
    tiny.head = !tied();
    tiny.make();
    for (auto& [name, tensor] : tiny.tensors) {  // layers weigh in the logits
      if (tensor.ndim() == 1) tensor = mx::ones(tensor.shape(), dtype);
    }
    tiny.write(folder_ / "dense");
    source_ = folder_ / (quantize ? "4_bits" : "dense");
    if (quantize) {
      convert::convert({.hf_path = folder_ / "dense",
                        .mlx_path = source_,
                        .quantize = true,
                        .q_group_size = 32,
                        .force = true});
    }
  }

  std::vector<std::string> keys() const {
    if (tied()) return {"embed_tokens"};
    return {"embed_tokens", "lm_head"};
  }

  // The model with adapters that change it.
  Adapters adapted(std::vector<std::string> keys, float dropout = 0) {
    model_ = models::load_model(io::ModelFolder::open(source_), mx::float32);
    Adapters adapters = attach(
        *model_,
        {.rank = 4, .scale = 0.5f, .dropout = dropout, .num_layers = 1, .keys = std::move(keys)});
    std::vector<mx::array> values;
    for (const mx::array& v : adapters.parameters().values()) {
      values.push_back(mx::multiply(mx::random::normal(v.shape()), mx::array(0.3f)));
    }
    mx::eval(values);
    adapters.parameters().set(values);
    return adapters;
  }

  static mx::array ids() { return mx::arange(3, 63, mx::int32); }
  static mx::array logits_of(const models::Model& model) {
    return models::logits(model, ids(), model.context({{0, 60, 0, 60}}));
  }

  // Loss and gradients of the adapters.
  static std::vector<mx::array> step(const models::Model& model, const Adapters& adapters,
                                     const models::LayerRunner& runner, ops::Kernels kernels,
                                     const models::Dropout& dropout = {}) {
    const ops::KernelsScope scope(kernels);
    const models::ParameterSet& trained = adapters.parameters();
    const std::vector<mx::array> values = trained.values();
    std::vector<int> all(values.size());
    std::iota(all.begin(), all.end(), 0);
    models::Context context = model.context({{0, 25, 0, 25}, {25, 60, 25, 60}});
    context.dropout = dropout;
    std::vector<float> weights(60, 1.0f);
    for (size_t i = 0; i < 60; i += 4) weights[i] = 0;
    const ops::Targets targets{mx::arange(4, 64, mx::int32),
                               mx::array(weights.begin(), {60}, mx::float32)};
    auto [loss, gradients] = mx::value_and_grad(
        [&](const std::vector<mx::array>& parameters) -> std::vector<mx::array> {
          trained.put(parameters);
          const mx::array h = runner.hidden(ids(), context);
          return {ops::head_loss(h, model.head(h, dropout), targets, 45, ops::LossGradient::of_sum)
                      .sum};
        },
        all)(values);
    trained.put(values);
    gradients.insert(gradients.begin(), loss[0]);
    mx::eval(gradients);
    return gradients;
  }

  TempFolder folder_;
  fs::path source_;
  std::unique_ptr<models::Model> model_;
};

INSTANTIATE_TEST_SUITE_P(Heads, EmbeddingAdapter, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "tied" : "own"; });

TEST_P(EmbeddingAdapter, AreOutsideOfTheLayers) {
  make(mx::float32);
  const Adapters adapters = adapted(keys());
  ASSERT_EQ(adapters.linears().size(), tied() ? 1u : 2u);
  const auto& all = adapters.parameters().all();
  const models::Parameter& a = all[tied() ? 0 : 2];
  EXPECT_EQ(a.name, kEmbedding + ".lora_a");
  EXPECT_EQ(a.layer, -1);
  EXPECT_EQ(a.place->shape(), mx::Shape({128, 4}));
  EXPECT_EQ(all[tied() ? 1 : 3].place->shape(), mx::Shape({4, 64}));
  if (!tied()) {
    EXPECT_EQ(all[0].name, kHeadPath + ".lora_a");
    EXPECT_EQ(all[0].layer, 2);
    EXPECT_EQ(all[0].place->shape(), mx::Shape({64, 4}));
    EXPECT_EQ(all[1].place->shape(), mx::Shape({4, 128}));
  }
  detach(*model_);
  const Adapters others = attach(*model_, {.num_layers = -1, .keys = {"all"}});
  EXPECT_EQ(others.linears().size(), 14u);
}

TEST_P(EmbeddingAdapter, WhatCannotBeIsNamed) {
  make(mx::float32);
  auto model = models::load_model(io::ModelFolder::open(source_));
  LoraSettings settings{.rank = 2, .num_layers = -1, .keys = {"embed_tokens"}};
  settings.type = FineTuneType::dora;
  expect_error<UsageError>([&] { attach(*model, settings); },
                           {"dora", "model.embed_tokens is the embedding"});
  settings.type = FineTuneType::lora;
  settings.initial.kind = InitialWeights::Kind::pissa;
  expect_error<UsageError>([&] { attach(*model, settings); },
                           {"pissa", "model.embed_tokens is the embedding"});
  settings.keys = {"lm_head"};
  if (tied()) {
    expect_error<UsageError>([&] { attach(*model, settings); },
                             {"'lm_head'", "whose head is its embedding", "model.embed_tokens"});
  } else {
    expect_error<UsageError>([&] { attach(*model, settings); }, {"lm_head is the head"});
  }
  AdapterFile file;
  file.path = "a.npz";
  file.settings = LoraSettings{};
  file.tensors.insert({kEmbedding + ".lora_a", mx::ones({127, 2})});
  file.tensors.insert({kEmbedding + ".lora_b", mx::ones({2, 64})});
  expect_error([&] { check_fits(*model, file); },
               {"model.embed_tokens.lora_a is [127, 2]", "[128, 2]"});
  file.tensors.insert({kEmbedding + ".m", mx::ones({127})});
  expect_error([&] { check_fits(*model, file); }, {"model.embed_tokens is the embedding", "DoRA"});
}

// Kernels of ours and MLX's operations; layers that are computed again, and those that are not.
TEST_P(EmbeddingAdapter, GradientsAreTheSameOnEveryPath) {
  for (const bool quantize : {false, true}) {
    make(mx::float32, quantize);
    std::vector<std::string> all = keys();
    all.emplace_back("v_proj");
    const Adapters adapters = adapted(all, 0.2f);
    const models::LayerRunner runner(*model_);
    const training::RecomputedLayers again(*model_, adapters.parameters());
    const nn::DropoutKey key{3, 1};
    const auto expected = step(*model_, adapters, runner, ops::Kernels::mlx, key);
    for (const bool recomputed : {false, true}) {
      const auto found =
          step(*model_, adapters, recomputed ? again : runner, ops::Kernels::own, key);
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_LT(testing::distance(found[i], expected[i]), 2e-5) << i << ", " << quantize;
      }
    }
  }
}

// As mlx-lm has it: on what the embedding's adapter adds, and on the head's input.
TEST_P(EmbeddingAdapter, DropoutIsOnTheUpdateAndOnTheHeadsInput) {
  make(mx::float32);
  adapted(keys(), 0.4f);
  const nn::DropoutKey key{3, 1};
  const auto adaptable = models::adaptable_of(model_->parts());
  const auto& embedding = **std::get_if<nn::Embedding*>(&adaptable[14].linear);
  const nn::LoraAdapter& its = *embedding.adapter;
  const mx::array e = embedding.weight.weight;
  const mx::array added =
      nn::dropout(mx::matmul(mx::take(its.a, ids(), 0), its.b), 0.4f, key, kEmbedding);
  const mx::array scale(0.5f);
  EXPECT_LT(testing::distance(model_->embed(ids(), key).stream,
                              mx::add(mx::take(e, ids(), 0), mx::multiply(scale, added))),
            1e-6);
  const mx::array h = mx::random::normal({5, 64});
  const mx::array dropped = nn::dropout(h, 0.4f, key, kHeadPath);
  const nn::LoraAdapter of_head =
      tied() ? *embedding.adapter_as_linear() : *adaptable[15].adapter();
  const mx::array w = tied() ? e : adaptable[15].weight().weight;
  const mx::array expected =
      mx::add(mx::matmul(h, mx::transpose(w)),
              mx::multiply(scale, mx::matmul(mx::matmul(dropped, of_head.a), of_head.b)));
  EXPECT_LT(testing::distance(ops::logits(h, model_->head(h, key)), expected), 1e-5);
}

// Fused, the model computes the same: of a tied one the head, too, which may be stored again.
TEST_P(EmbeddingAdapter, FusesIntoTheModel) {
  struct Variant {
    bool quantized;
    FusedFormat format;
    double tolerance;
  };
  for (const auto& [quantized, format, tolerance] :
       {Variant{false, {}, 1e-5}, Variant{true, {FusedFormat::Kind::dense, 0, mx::float32}, 1e-5},
        Variant{true, {FusedFormat::Kind::quantized, 8}, 0.03}, Variant{true, {}, 0.3}}) {
    make(mx::float32, quantized);
    const Adapters adapters = adapted(keys());
    const mx::array expected = logits_of(*model_);
    FuseOptions options;
    options.adapted = format;
    io::ModelFolder source = io::ModelFolder::open(source_);
    fuse_model(source, *model_, adapters, {folder_ / "fused", true}, options);
    const io::ModelFolder fused = io::ModelFolder::open(folder_ / "fused");
    EXPECT_LT(testing::distance(logits_of(*models::load_model(fused, mx::float32)), expected),
              tolerance)
        << quantized;
    detach(*model_);
    EXPECT_GT(testing::distance(logits_of(*model_), expected), 0.3);
  }
}

TEST_P(EmbeddingAdapter, RanksAndScalesStandInALayerConfig) {
  make(mx::float32);
  auto model = models::load_model(io::ModelFolder::open(source_));
  const auto attached = [&](const std::string& config) {
    detach(*model);
    const auto layers = std::make_shared<const LayerConfig>(LayerConfig::read(config, {}));
    LoraSettings settings = layers->settings();
    settings.layers = layers;
    return attach(*model, settings);
  };
  const Adapters adapters = attached(
      R"({"r": 4, "lora_alpha": 8, "use_rslora": true, "target_modules": ["embed_tokens", "q_proj"],
          "rank_pattern": {"embed_tokens": 16}})");
  ASSERT_EQ(adapters.linears().size(), 3u);
  const models::LinearPart& embedding = adapters.linears().back();
  EXPECT_TRUE(embedding.is_embedding());
  EXPECT_EQ(embedding.adapter()->a.shape(1), 16);
  EXPECT_EQ(embedding.adapter()->scale, 2.0f);
  EXPECT_EQ(attached(R"({"target_modules": "all-linear"})").linears().size(), 14u);
}

// The tensors say whether the head is the embedding, where they are there.
TEST(BaseShape, HasTheHeadThatTheFolderHas) {
  TempFolder folder;
  testing::TinyCheckpoint tiny;
  tiny.make();
  const auto shape = [&](bool head) {
    testing::TinyCheckpoint stored = tiny;
    if (!head) stored.tensors.erase("lm_head.weight");
    stored.write(folder.path());
    return BaseShape::of(io::ModelFolder::open(folder.path()));
  };
  tiny.config["tie_word_embeddings"] = true;
  EXPECT_EQ(shape(true).tied_head, false);
  EXPECT_EQ(shape(false).tied_head, true);
  EXPECT_EQ(BaseShape::of(io::ModelFolder::of_config("x", json(tiny.config))).tied_head, true);
  tiny.config.erase("tie_word_embeddings");  // false in this family
  EXPECT_EQ(shape(true).tied_head, false);
  EXPECT_EQ(shape(false).tied_head, true);
  EXPECT_EQ(shape(true).model_type, "llama");
  EXPECT_EQ(shape(true).head_dim, 16);
}

// In every layout that can say it, and back.
TEST_P(EmbeddingAdapter, StandsInItsFileAndComesBack) {
  make(mx::float32);
  const Adapters adapters = adapted(keys());
  const mx::array expected = logits_of(*model_);
  AdapterOrigin origin;
  origin.base = {"llama", 16, tied()};
  for (const char* name :
       {"a.npz", "a.safetensors", "adapters.safetensors", "adapter_model.safetensors", "a.gguf"}) {
    SCOPED_TRACE(name);
    fs::remove(folder_ / "adapter_config.json");
    if (tied() && name == std::string("a.gguf")) {
      expect_error([&] { save_adapter_file(folder_ / name, adapters, origin); }, "llama.cpp");
      continue;
    }
    save_adapter_file(folder_ / name, adapters, origin);
    const AdapterFile back = read_adapter_file(folder_ / name);
    auto again = models::load_model(io::ModelFolder::open(source_), mx::float32);
    apply(*again, back);
    EXPECT_LT(testing::distance(logits_of(*again), expected), 1e-6);
  }
  // mlx-lm's names and shapes.
  const io::SafetensorsFile file(folder_ / "adapters.safetensors");
  EXPECT_EQ(file.info(kEmbedding + ".lora_a").shape, mx::Shape({128, 4}));
  EXPECT_EQ(file.info(kEmbedding + ".lora_b").shape, mx::Shape({4, 64}));
}

}  // namespace
}  // namespace graft::lora
