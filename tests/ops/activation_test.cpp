// ActivationOfEachType: our kernels against the portable form.

#include <gtest/gtest.h>

#include <vector>

#include "graft/ops/activation.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class ActivationOfEachType : public OfEachType {};

TEST_P(ActivationOfEachType, ActivationsWithAndWithoutAGate) {
  for (Activation kind : {Activation::silu, Activation::gelu_tanh, Activation::gelu}) {
    SCOPED_TRACE(static_cast<int>(kind));
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {gated_activation(kind, in[0], in[1])};
        },
        {random({7, 50}, 3.0f), random({7, 50})}, dtype(), tolerance());
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {activation(kind, in[0])};
        },
        {random({7, 50}, 3.0f)}, dtype(), tolerance());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, ActivationOfEachType, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
