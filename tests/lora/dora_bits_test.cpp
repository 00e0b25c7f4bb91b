// DoRA on weights of 3, 5 and 6 bits, whose values cross the borders of words, against PyTorch with
// the weights that they stand for: scripts/fixtures/dora_bits.py.

#include <gtest/gtest.h>

#include "graft/lora/adapter_file.h"
#include "graft/models/registry.h"
#include "tests/support/model_parity.h"
#include "tests/support/paths.h"

namespace graft::lora {
namespace {

class DoraBits : public ::testing::TestWithParam<int> {
 protected:
  std::unique_ptr<models::Model> model() const {
    return models::load_model(io::ModelFolder::open(at_), mx::float32);
  }

  fs::path at_ = testing::fixture("dora_bits") / std::to_string(GetParam());
  testing::Expected expected_{
      at_ / "expected.safetensors",
      testing::Expected(testing::fixture("families") / "qwen2/expected.safetensors")};
};

TEST_P(DoraBits, GivesTheLogitsOfPyTorch) {
  const auto adapted = model();
  apply(*adapted, read_adapter_file(at_));
  for (const models::LinearPart& linear : models::linears_of(adapted->parts())) {
    EXPECT_EQ(linear.weight().bits, linear.adapter() ? GetParam() : 0) << linear.path();
  }
  const mx::array logits =
      models::logits(*adapted, expected_.ids, adapted->context(expected_.sequences));
  EXPECT_LT(testing::distance(logits, expected_.file.load("logits")), testing::kParity);
}

TEST_P(DoraBits, GivesTheLossAndTheGradientsOfPyTorch) {
  const auto adapted = model();
  testing::check_adapted(*adapted, expected_, read_adapter_file(at_));
}

INSTANTIATE_TEST_SUITE_P(Bits, DoraBits, ::testing::Values(3, 5, 6));

}  // namespace
}  // namespace graft::lora
