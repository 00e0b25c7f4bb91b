#pragma once

#include <gtest/gtest.h>
#include <mlx/transforms.h>

#include <numeric>
#include <string>
#include <vector>

#include "graft/io/safetensors.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/layer_runner.h"
#include "graft/ops/head_loss.h"
#include "tests/support/distance.h"

// A model against what PyTorch computed for it (scripts/fixtures).
namespace graft::testing {

namespace mx = mlx::core;

/// Of the largest value.
inline constexpr double kParity = 1e-4;

/// The tokens and results of an expected.safetensors: three sequences, one after the other.
struct Expected {
  explicit Expected(const fs::path& path) : file(path), ids(file.load("input_ids")) {
    mx::array offsets = file.load("offsets");
    for (int i = 0; i + 1 < offsets.shape(0); ++i) {
      int64_t begin = offsets.data<int32_t>()[i], end = offsets.data<int32_t>()[i + 1];
      sequences.push_back({begin, end, begin, end});
    }
  }

  /// Other results for the same tokens.
  Expected(const fs::path& path, const Expected& texts)
      : file(path), ids(texts.ids), sequences(texts.sequences) {}

  // The next token of each sequence's; none after its last.
  ops::Targets targets() const {
    std::vector<int32_t> next(ids.size(), -1);
    std::vector<float> weights(ids.size(), 0.0f);
    for (const Sequence& s : sequences) {
      for (int64_t i = s.query_begin; i + 1 < s.query_end; ++i) {
        next[static_cast<size_t>(i)] = ids.data<int32_t>()[i + 1];
        weights[static_cast<size_t>(i)] = 1;
      }
    }
    const int n = static_cast<int>(next.size());
    return {mx::array(next.begin(), {n}, mx::int32), mx::array(weights.begin(), {n}, mx::float32)};
  }

  /// The tokens that carry loss.
  double weight() const { return static_cast<double>(ids.size() - sequences.size()); }

  io::SafetensorsFile file;
  mx::array ids;
  std::vector<Sequence> sequences;
};

/// Puts the adapters of `file` on the model and compares the loss and the gradients of their arrays
/// with `lora_loss` and `grad.<name>`.
inline void check_adapted(models::Model& model, const Expected& expected,
                          const lora::AdapterFile& file) {
  lora::Adapters adapters = lora::apply(model, file);
  models::Context context = model.context(expected.sequences);
  if (expected.file.has("lora_logits")) {
    EXPECT_LT(
        distance(models::logits(model, expected.ids, context), expected.file.load("lora_logits")),
        kParity);
  }
  const models::ParameterSet& trained = adapters.parameters();
  std::vector<int> all(trained.all().size());
  std::iota(all.begin(), all.end(), 0);
  std::vector<mx::array> values = trained.values();
  auto [loss, gradients] = mx::value_and_grad(
      [&](const std::vector<mx::array>& parameters) -> std::vector<mx::array> {
        trained.put(parameters);
        const mx::array hidden = models::LayerRunner(model).hidden(expected.ids, context);
        return {ops::head_loss(hidden, model.head(hidden, {}), expected.targets(),
                               expected.weight(), ops::LossGradient::of_sum)
                    .sum};
      },
      all)(values);
  trained.put(values);
  mx::eval(gradients);
  float wanted = expected.file.load("lora_loss").item<float>();
  EXPECT_NEAR(loss[0].item<float>(), wanted, kParity * wanted);
  for (size_t i = 0; i < all.size(); ++i) {
    std::string name = "grad." + trained.all()[i].name;
    EXPECT_LT(distance(gradients[i], expected.file.load(name)), kParity) << name;
  }
}

}  // namespace graft::testing
