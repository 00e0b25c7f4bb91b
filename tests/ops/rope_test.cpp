// RoPE: our kernels against the portable form.

#include <gtest/gtest.h>
#include <mlx/random.h>

#include <vector>

#include "graft/ops/rope.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class RopeOps : public OfEachType {};

TEST_P(RopeOps, RopeWholeAndPartial) {
  for (int rotary : {16, 8}) {
    mx::array angles = mx::multiply(mx::random::uniform({11, rotary / 2}), mx::array(6.0f));
    RopeTable table{mx::cos(angles), mx::sin(angles)};
    mx::eval(table.cos, table.sin);
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {rope(in[0], table, 16)};
        },
        {random({11, 48})}, dtype(), tolerance());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RopeOps, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
