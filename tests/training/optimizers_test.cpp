#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graft/io/json.h"
#include "graft/io/npz.h"
#include "graft/ops/backend.h"
#include "graft/training/optimizers/makers.h"
#include "tests/support/expect_error.h"
#include "tests/training/given_gradients.h"

namespace graft::training {
namespace {

// What scripts/fixtures/optimizers.py saves.
constexpr int kSaved[] = {1, 2, 5, 20};

NamedArrays gradients_of(const std::map<std::string, mx::Shape>& shapes, int step) {
  NamedArrays gradients;
  for (const auto& [name, shape] : shapes) {
    size_t count = 1;
    for (int size : shape) count *= static_cast<size_t>(size);
    const auto numbers = testing::named_numbers(fmt::format("{}.grad.{}", name, step), count);
    gradients.insert({name, mx::multiply(mx::array(std::ldexp(1.0f, -(step % 4))),
                                         mx::array(numbers.begin(), shape, mx::float32))});
  }
  return gradients;
}

// The largest difference.
float difference(const mx::array& a, const mx::array& b) {
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_TRUE(mx::all(mx::isfinite(a)).item<bool>());
  return mx::max(mx::abs(mx::subtract(a, b))).item<float>();
}

struct Case {
  std::string name;
  json settings;
  const io::NpzFile& expected;

  double rate() const {
    const json& options = settings["options"];
    return options.value("learning_rate", options.value("lr", 1e-2));  // torch's Adafactor has 1e-2
  }

  // The parameters that `optimizer` has in its 20 steps are those of the reference.
  void expect(std::unique_ptr<Optimizer> optimizer, double tolerance) const {
    const bool vectors_differ = settings["optimizer"] == "Muon" && !settings.contains("vectors");
    std::map<std::string, mx::Shape> shapes;
    for (const auto& [parameter, shape] : settings["parameters"].items()) {
      const auto sizes = shape.get<std::vector<int>>();
      // MLX's Muon by itself is gradient descent there, ours AdamW.
      if (vectors_differ && sizes.size() == 1) continue;
      shapes.insert({parameter, mx::Shape(sizes.begin(), sizes.end())});
    }
    GivenDescent descent(shapes, std::move(optimizer));
    const float max_norm = settings.value("clip", 0.0f);
    int saved = 0;
    for (int step = 1; step <= 20; ++step) {
      const float norm =
          descent.step(gradients_of(shapes, step), static_cast<float>(rate()), max_norm);
      if (max_norm > 0) {
        const mx::array norms = expected.load(name + ".grad_norm");
        EXPECT_NEAR(norm, norms.data<float>()[step - 1], 1e-6 * norm) << step;
      }
      if (step != kSaved[saved]) continue;
      for (const auto& [parameter, shape] : shapes) {
        const mx::array all = expected.load(name + "." + parameter);
        EXPECT_LE(difference(descent.parameter(parameter), mx::take(all, saved, 0)), tolerance)
            << parameter << ", step " << step;
      }
      ++saved;
    }
  }
};

// Calls `body` with every case of a reference, once on our kernels and once on MLX's operations.
template <class Body>
void for_each_case(const std::string& reference, Body&& body) {
  const fs::path folder = testing::fixture("optimizers");
  const io::NpzFile expected(folder / (reference + ".npz"));
  const json cases = io::read_json_object(folder / (reference + ".json"));
  for (const ops::Kernels kernels : {ops::Kernels::own, ops::Kernels::mlx}) {
    SCOPED_TRACE(kernels == ops::Kernels::own ? "own kernels" : "MLX's operations");
    const ops::KernelsScope scope(kernels);
    for (const auto& [name, settings] : cases.items()) {
      SCOPED_TRACE(name);
      body(Case{name, settings, expected});
    }
  }
}

template <class T>
void take(const json& options, const char* key, std::optional<T>& field) {
  if (options.contains(key)) field = options[key].get<T>();
}

// MLX's options of an optimizer as ours.
OptimizerOptions options_of(const json& settings) {
  OptimizerOptions o;
  o.name = settings["optimizer"];
  for (char& c : o.name) c = static_cast<char>(std::tolower(c));
  const json& options = settings["options"];
  if (o.name == "adafactor") o.relative_step = o.scale_parameter = true;  // MLX's defaults
  if (options.contains("betas")) {
    o.beta1 = options["betas"][0];
    o.beta2 = options["betas"][1];
  }
  take(options, "eps", o.eps);
  take(options, "weight_decay", o.weight_decay);
  take(options, "bias_correction", o.bias_correction);
  take(options, "momentum", o.momentum);
  take(options, "dampening", o.dampening);
  take(options, "nesterov", o.nesterov);
  take(options, "ns_steps", o.ns_steps);
  take(options, "beta_1", o.beta1);
  take(options, "clip_threshold", o.clip_threshold);
  take(options, "relative_step", o.relative_step);
  take(options, "scale_parameter", o.scale_parameter);
  take(options, "warmup_init", o.warmup_init);
  return o;
}

// PyTorch's Adam and AdamW correct the bias always, and in f64.
AdamConfig torch_adam(const json& settings) {
  const json& options = settings["options"];
  AdamConfig config{.eps = options.value("eps", 1e-8f),
                    .weight_decay = options.value("weight_decay", 0.0f),
                    .bias_correction = true,
                    .exact_correction = true};
  if (settings["optimizer"] == "AdamW" && !options.contains("weight_decay")) {
    config.weight_decay = options.value("loraplus_weight_decay", 0.01f);
  }
  if (options.contains("betas")) {
    config.beta1 = options["betas"][0];
    config.beta2 = options["betas"][1];
  }
  return config;
}

TEST(Optimizers, AreMlxs) {
  for_each_case("mlx",
                [](const Case& c) { c.expect(make_optimizer(options_of(c.settings)), 1e-6); });
}

TEST(Optimizers, ArePytorchsWhereTheRuleIsTheSame) {
  for_each_case("torch", [](const Case& c) {
    const json& options = c.settings["options"];
    if (c.settings["optimizer"].get<std::string>().starts_with("Adam")) {
      std::unique_ptr<Optimizer> adam = make_adam(torch_adam(c.settings));
      const float ratio = options.value("loraplus_lr_ratio", 1.0f);
      c.expect(ratio == 1 ? std::move(adam) : make_lora_plus(std::move(adam), ratio), 1e-6);
    } else {
      // PyTorch's Newton-Schulz is in bf16: steps of 0.14 in all differ by 7e-4.
      c.expect(make_optimizer(options_of(c.settings)),
               c.settings["optimizer"] == "Muon" ? 2e-3 : 1e-6);
    }
  });
}

TEST(Optimizers, LoraPlusIsForLoraBAndVectors) {
  const std::map<std::string, mx::Shape> shapes = {
      {"q_proj.lora_a", {2, 2}}, {"q_proj.lora_b", {2, 2}}, {"q_proj.m", {2}}};
  GivenDescent descent(shapes, make_optimizer({.name = "sgd", .lora_plus_ratio = 4}));
  const NamedArrays before = {{"q_proj.lora_a", descent.parameter("q_proj.lora_a")},
                              {"q_proj.lora_b", descent.parameter("q_proj.lora_b")},
                              {"q_proj.m", descent.parameter("q_proj.m")}};
  NamedArrays ones;
  for (const auto& [name, shape] : shapes) ones.insert({name, mx::ones(shape)});
  descent.step(ones, 0.25f);
  for (const auto& [name, array] : before) {
    const float expected = name == "q_proj.lora_a" ? 0.25f : 1.0f;
    EXPECT_LE(
        difference(mx::subtract(array, descent.parameter(name)), mx::full(array.shape(), expected)),
        1e-6)
        << name;
  }
}

TEST(Optimizers, TheLearningRateOfAdafactorCountsUnlessItIsAsked) {
  auto moved = [](const OptimizerOptions& options, float rate) {
    GivenDescent descent({{"a", {4, 4}}}, make_optimizer(options));
    const mx::array before = descent.parameter("a");
    descent.step({{"a", mx::ones({4, 4})}}, rate);
    return mx::mean(mx::subtract(before, descent.parameter("a"))).item<float>();
  };
  EXPECT_NEAR(moved({.name = "adafactor"}, 1e-2f), 1e-2, 1e-6);
  EXPECT_NEAR(moved({.name = "adafactor"}, 2e-2f), 2e-2, 1e-6);
  EXPECT_NEAR(moved({.name = "adafactor", .relative_step = true}, 5.0f), 1e-2, 1e-6);
}

void expect_refused(const OptimizerOptions& options,
                    std::initializer_list<std::string_view> parts) {
  testing::expect_error<UsageError>([&] { make_optimizer(options); }, parts);
}

TEST(OptimizerOptions, AnUnknownNameIsToldThoseThatThereAre) {
  expect_refused({.name = "adamv"},
                 {"'adamv'", "adam?", "adam, adamw, sgd, lion, adafactor, muon"});
  expect_refused({.name = "muno"}, {"did you mean muon?"});
  expect_refused({.name = ""}, {"there are adam"});
  for (const std::string& name : optimizer_names())
    EXPECT_NE(make_optimizer({.name = name}), nullptr);
}

TEST(OptimizerOptions, WhatAnOptimizerDoesNotHaveIsRefused) {
  expect_refused({.name = "sgd", .beta2 = 0.9}, {"`beta2` is no option of sgd", "`momentum`"});
  expect_refused({.name = "lion", .eps = 1e-8}, {"`eps` is no option of lion"});
  expect_refused({.name = "sgd", .adam_bits = 8}, {"`adam_bits` is no option of sgd"});
  expect_refused({.name = "adam", .weight_decay = 0.1}, {"`weight_decay` is no option of adam,"});
  expect_refused({.name = "adamw", .momentum = 0.9}, {"`momentum`"});
  expect_refused({.name = "adamw", .dampening = 0.9}, {"`dampening`"});
  expect_refused({.name = "adamw", .nesterov = false}, {"`nesterov`"});
  expect_refused({.name = "sgd", .ns_steps = 5}, {"`ns_steps`"});
  expect_refused({.name = "muon", .relative_step = true}, {"`relative_step`"});
  expect_refused({.name = "muon", .scale_parameter = true}, {"`scale_parameter`"});
  expect_refused({.name = "muon", .warmup_init = true}, {"`adafactor_warmup_init`"});
  expect_refused({.name = "adam", .scale_eps = 1e-3}, {"`scale_eps`"});
  expect_refused({.name = "adam", .clip_threshold = 1}, {"`clip_threshold`"});
  expect_refused({.name = "adam", .decay_rate = -0.8}, {"`adafactor_decay_rate`"});
  expect_refused({.name = "muon", .beta1 = 0.9}, {"`beta1`"});
  expect_refused({.name = "sgd", .bias_correction = true}, {"`bias_correction`"});
}

TEST(OptimizerOptions, ValuesOutOfRangeAreRefused) {
  expect_refused({.beta1 = 1}, {"`beta1` is 1", "less than 1"});
  expect_refused({.beta2 = -0.1}, {"`beta2` is -0.1"});
  expect_refused({.eps = -1e-8}, {"`eps`"});
  expect_refused({.adam_bits = 4}, {"`adam_bits` is 4", "8 or 32"});
  expect_refused({.lora_plus_ratio = 0}, {"`lora_plus_ratio` is 0"});
  expect_refused({.lora_plus_ratio = NAN}, {"`lora_plus_ratio`"});
  expect_refused({.name = "adamw", .weight_decay = -1}, {"`weight_decay`"});
  expect_refused({.name = "sgd", .momentum = 1}, {"`momentum`"});
  expect_refused({.name = "sgd", .nesterov = true}, {"`nesterov`", "`momentum`"});
  expect_refused({.name = "sgd", .momentum = 0.9, .dampening = 0.1, .nesterov = true},
                 {"`nesterov`", "`dampening`"});
  expect_refused({.name = "muon", .ns_steps = 0}, {"`ns_steps` is 0"});
  expect_refused({.name = "adafactor", .warmup_init = true}, {"`relative_step`"});
  expect_refused({.name = "adafactor", .clip_threshold = 0}, {"`clip_threshold`"});
  expect_refused({.name = "adafactor", .decay_rate = 0.8}, {"`adafactor_decay_rate`"});
  expect_refused({.name = "adafactor", .relative_step = true, .lora_plus_ratio = 4},
                 {"`lora_plus_ratio`"});
}

}  // namespace
}  // namespace graft::training
