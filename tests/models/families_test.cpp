// Every family against transformers: logits, loss and LoRA gradients of tiny checkpoints, see
// scripts/fixtures/tiny_families.py.

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <algorithm>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/model_parity.h"
#include "tests/support/named_values.h"
#include "tests/support/temp_folder.h"

namespace graft::models {
namespace {

using testing::distance;
using testing::Expected;
using testing::named_values;
using testing::TempFolder;

const fs::path kFixtures = fs::path(GRAFT_TEST_DATA) / "families";

std::vector<std::string> variants() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(kFixtures)) {
    all.push_back(entry.path().filename().string());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The model of a fixture, of weights that follow from their names.
struct Fixture {
  explicit Fixture(const std::string& name) : expected(kFixtures / name / "expected.safetensors") {
    testing::write_named_checkpoint(kFixtures / name, folder.path());
    model = load_model(ModelFolder::open(folder.path()), mx::float32);
  }

  // Adapters on all linear layers, their values by their names too.
  lora::AdapterFile adapters() const {
    lora::AdapterFile file;
    file.path = "adapters";
    for (const std::string& name : expected.file.names()) {
      if (!name.starts_with("grad.")) continue;
      const std::string own = name.substr(5);
      file.tensors.insert({own, named_values(own, expected.file.info(name).shape)});
    }
    file.settings = lora::LoraSettings{};
    file.settings->scale = 2;
    return file;
  }

  Expected expected;
  TempFolder folder;
  std::unique_ptr<Model> model;
};

class Families : public ::testing::TestWithParam<std::string> {
 protected:
  void check(bool cpu_kernels) const {
    ops::BackendOverride backend(cpu_kernels);
    Fixture fixture(GetParam());
    const Expected& expected = fixture.expected;
    mx::array found =
        logits(*fixture.model, expected.ids, fixture.model->context(expected.sequences));
    EXPECT_LT(distance(found, expected.file.load("logits")), testing::kParity);
    testing::check_adapted(*fixture.model, expected, fixture.adapters());
  }
};

#ifdef GRAFT_CPU_KERNELS
TEST_P(Families, LogitsLossAndGradientsAreThoseOfTransformers) { check(true); }
#endif

TEST_P(Families, SoAreThoseOfMlxOperations) { check(false); }

TEST_P(Families, EveryLinearLayerTakesAnAdapter) {
  Fixture fixture(GetParam());
  EXPECT_EQ(2 * fixture.model->linears().size(), fixture.adapters().tensors.size());
}

// Token by token, in one piece, and in several pieces: the same logits.
TEST_P(Families, CachedTokensGiveTheSameLogits) {
  Fixture fixture(GetParam());
  const Expected& expected = fixture.expected;
  const Sequence longest = expected.sequences.back();
  const auto count = static_cast<int>(longest.queries());
  const auto begin = static_cast<int>(longest.query_begin);
  mx::array ids = mx::slice(expected.ids, {begin}, {begin + count});
  mx::array whole = mx::slice(expected.file.load("logits"), {begin, 0},
                              {begin + count, fixture.model->vocab_size()});
  for (int step : {1, 5, count}) {
    if (step < count && GetParam().find("longrope") != std::string::npos) continue;  // see docs
    nn::KvCache cache(fixture.model->num_layers());
    std::vector<mx::array> parts;
    for (int at = 0; at < count; at += step) {
      const int n = std::min(step, count - at);
      Context context = fixture.model->context({{0, n, 0, at + n}});
      context.cache = &cache;
      parts.push_back(logits(*fixture.model, mx::slice(ids, {at}, {at + n}), context));
      parts.back().eval();
      cache.advance(n);
    }
    EXPECT_LT(distance(mx::concatenate(parts, 0), whole), testing::kParity) << step;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Families, ::testing::ValuesIn(variants()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace graft::models
