#include "graft/lora/initial.h"

#include <gtest/gtest.h>
#include <mlx/linalg.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include <cmath>

#include "graft/lora/adapter_file.h"
#include "graft/lora/layer_config.h"
#include "graft/lora/layer_pairs.h"
#include "graft/models/registry.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::lora {
namespace {

using testing::distance;
using testing::expect_error;

mx::array matrix(int out, int in) {
  return mx::random::normal({out, in}, mx::float32, mx::random::key(5));
}

// [out, in].
mx::array product_of(const std::pair<mx::array, mx::array>& factors) {
  return mx::transpose(mx::matmul(factors.first, factors.second));
}

double norm_of_initial(const mx::array& m) {
  return std::sqrt(double{mx::sum(mx::square(m)).item<float>()});
}

TEST(InitialWeights, NamesComeBackAndOthersAreRefused) {
  for (const char* name : {"default", "gaussian", "pissa", "pissa_niter_4", "olora"}) {
    EXPECT_EQ(InitialWeights::parse(name, "x").name(), name);
  }
  for (const char* name : {"", "pisa", "pissa_niter_", "pissa_niter_0", "pissa_niter_4x",
                           "pissa_niter_101", "loftq"}) {
    expect_error<UsageError>([&] { InitialWeights::parse(name, "`init`"); }, {"`init`", name});
  }
}

// No matrix of this rank is nearer to the weight, in either shape.
TEST(InitialWeights, PrincipalFactorsAreTheLargestSingularValues) {
  for (const auto& [out, in] : {std::pair(24, 40), std::pair(40, 24)}) {
    const mx::array w = matrix(out, in);
    const auto s = mx::linalg::svd(w, false, mx::Device::cpu)[0];
    const double rest = norm_of_initial(mx::slice(s, {5}, {24}));
    const auto exact = principal_factors(w, 5, 0.5f, 0);
    EXPECT_EQ(exact.first.shape(), (mx::Shape{in, 5}));
    EXPECT_EQ(exact.second.shape(), (mx::Shape{5, out}));
    const auto part = [](const auto& f) { return mx::multiply(mx::array(0.5f), product_of(f)); };
    EXPECT_NEAR(norm_of_initial(mx::subtract(w, part(exact))), rest, 1e-4 * rest);
    EXPECT_LT(distance(part(principal_factors(w, 5, 0.5f, 16)), part(exact)), 1e-2);
  }
}

TEST(InitialWeights, OrthonormalFactorsAreThoseOfQr) {
  for (const auto& [out, in] : {std::pair(24, 40), std::pair(40, 24)}) {
    const mx::array w = matrix(out, in);
    const auto [q, r] = mx::linalg::qr(w, mx::Device::cpu);
    const auto [a, b] = orthonormal_factors(w, 5);
    EXPECT_LT(distance(b, mx::transpose(mx::slice(q, {0, 0}, {out, 5}))), 1e-5);
    EXPECT_LT(distance(a, mx::transpose(mx::slice(r, {0, 0}, {5, in}))), 1e-5);
  }
}

class PartOfTheWeight : public ::testing::TestWithParam<const char*> {
 protected:
  static std::unique_ptr<models::Model> base() {
    return models::load_model(io::ModelFolder::open(testing::fixture("llama/base")));
  }
  static mx::array logits(models::Model& model) {
    return models::logits(model, mx::array({5, 9, 2, 31, 7, 7}, mx::int32),
                          model.context({{0, 6, 0, 6}}));
  }
  LoraSettings settings() const {
    LoraSettings s{.rank = 4, .scale = 2, .num_layers = -1, .keys = {"all"}};
    s.initial = InitialWeights::parse(GetParam(), "x");
    return s;
  }
};

// It begins as the model, whose weights stay: in the file, what it began with is taken off, so that
// anybody who reads it as an adapter of twice the rank has the same.
TEST_P(PartOfTheWeight, IsTakenOffAgain) {
  testing::TempFolder folder;
  auto model = base();
  const mx::array before = logits(*model);
  const Adapters adapters = attach(*model, settings());
  EXPECT_LT(distance(logits(*model), before), 1e-4);
  std::vector<mx::array> values;
  for (const models::Parameter& p : adapters.parameters().all()) {
    const mx::array more = mx::random::normal(p.place->shape(), mx::float32, mx::random::key(1));
    values.push_back(mx::add(*p.place, mx::multiply(mx::array(0.05f), more)));
  }
  adapters.parameters().set(values);
  const mx::array trained = logits(*model);
  EXPECT_GT(distance(trained, before), 1e-2);
  for (const char* name : {"a.npz", "adapters.safetensors", "adapter_model.safetensors"}) {
    SCOPED_TRACE(name);
    save_adapter_file(folder / name, adapters);
    AdapterFile file = read_adapter_file(folder / name);
    EXPECT_EQ(layer_pairs(file).begin()->second.rank(), 8);
    auto other = base();
    const Adapters back = apply(*other, file);
    EXPECT_EQ(back.settings().rank, 4);
    EXPECT_EQ(back.parameters().count(), adapters.parameters().count());
    EXPECT_LT(distance(logits(*other), trained), 1e-6);
    file.settings->half_is_frozen = false;
    auto third = base();
    EXPECT_EQ(apply(*third, file).settings().rank, 8);
    EXPECT_LT(distance(logits(*third), trained), 1e-6);
    fs::remove(folder / "adapter_config.json");
  }
}

// mlx-lm has one rank for all layers: zeros are behind each half, and it is known which is frozen.
TEST_P(PartOfTheWeight, OfSeveralRanksIsStillKnownInMlxLmsFolder) {
  testing::TempFolder folder;
  auto model = base();
  const auto layers = std::make_shared<const LayerConfig>(LayerConfig::read(
      R"({"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"],
          "rank_pattern": {"v_proj": 2}, "init_lora_weights": ")" +
          std::string(GetParam()) + "\"}",
      {}));
  LoraSettings settings = layers->settings();
  settings.layers = layers;
  settings.num_layers = -1;
  const Adapters adapters = attach(*model, settings);
  std::vector<mx::array> values;
  for (const models::Parameter& p : adapters.parameters().all()) {
    const mx::array more = mx::random::normal(p.place->shape(), mx::float32, mx::random::key(1));
    values.push_back(mx::add(*p.place, mx::multiply(mx::array(0.05f), more)));
  }
  adapters.parameters().set(values);
  const mx::array trained = logits(*model);
  save_adapter_file(folder / "adapters.safetensors", adapters);
  auto other = base();
  const Adapters back = apply(*other, read_adapter_file(folder / "adapters.safetensors"));
  EXPECT_TRUE(back.settings().half_is_frozen);
  EXPECT_EQ(back.settings().rank, 4);
  EXPECT_LT(distance(logits(*other), trained), 1e-6);
  for (size_t i = 0; i < back.linears().size(); ++i) {
    const nn::LoraAdapter &was = *adapters.linears()[i].adapter(),
                          &is = *back.linears()[i].adapter();
    ASSERT_TRUE(is.frozen);
    EXPECT_EQ(is.a.shape(1), 4);
    EXPECT_LT(distance(mx::slice(is.a, {0, 0}, was.a.shape()), was.a), 1e-6);
    // The layer's own scale is in b.
    const mx::array delta = mx::multiply(mx::array(was.scale), mx::matmul(was.a, was.b));
    EXPECT_LT(distance(mx::multiply(mx::array(is.scale), mx::matmul(is.a, is.b)), delta), 1e-5);
  }
}

TEST_P(PartOfTheWeight, WhatItCannotBeIsRefused) {
  auto model = base();
  const auto refused = [&](const auto& change, std::initializer_list<std::string_view> says) {
    LoraSettings s = settings();
    change(s);
    expect_error<UsageError>([&] { attach(*model, s); }, says);
  };
  refused([](LoraSettings& s) { s.dropout = 0.1f; }, {GetParam(), "dropout"});
  refused([](LoraSettings& s) { s.type = FineTuneType::dora; }, {GetParam(), "dora"});
  refused([](LoraSettings& s) { s.rank = 17; }, {GetParam(), "17", "16", "_proj"});
  refused([](LoraSettings& s) { s.scale = -1; }, {GetParam(), "-1"});
}

INSTANTIATE_TEST_SUITE_P(Kinds, PartOfTheWeight,
                         ::testing::Values("pissa", "pissa_niter_3", "olora"));

}  // namespace
}  // namespace graft::lora
