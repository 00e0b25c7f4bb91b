// Steps of the optimizers: our kernels against the portable form.

#include <gtest/gtest.h>
#include <mlx/random.h>

#include <vector>

#include "graft/ops/adafactor.h"
#include "graft/ops/adam.h"
#include "graft/ops/adam8.h"
#include "graft/ops/lion.h"
#include "graft/ops/muon.h"
#include "graft/ops/sgd.h"
#include "tests/ops/gradient_parity.h"

namespace graft::ops {
namespace {

// The arrays that a step gives on our kernels and on MLX's operations.
template <class Step>
void expect_portable(Step&& step) {
  auto run = [&](Kernels kernels) {
    KernelsScope backend(kernels);
    std::vector<mx::array> arrays = step();
    mx::eval(arrays);
    return arrays;
  };
  const auto found = run(Kernels::own), expected = run(Kernels::mlx);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_LT(testing::distance(found[i], expected[i]), 1e-6) << i;
  }
}

TEST(Optimizers, AreThoseOfThePortableForm) {
  mx::random::seed(5);
  const mx::Shape shape = {9, 50};
  const mx::array p = mx::random::normal(shape), m = mx::random::normal(shape);
  const mx::array v = mx::square(mx::random::normal(shape)), g = mx::random::normal(shape);
  expect_portable([&]() -> std::vector<mx::array> {
    const AdamState next = adam_step({p, m, v}, g, {.learning_rate = 1e-2f, .weight_decay = 0.1f});
    return {next.parameter, next.m, next.v};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const CodedAverage zeros = CodedAverage::zeros(p);
    const AdamOptions options{.learning_rate = 1e-2f, .corrected_step = 1};
    Adam8State next = adam8_step({p, zeros, zeros}, g, options);
    next = adam8_step(next, m, options);
    return {next.parameter, next.m.codes, next.m.largest, next.v.codes, next.v.largest};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    return {sgd_step({p, {}}, g, {.learning_rate = 1e-2f, .weight_decay = 0.1f}).parameter};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const SgdState next =
        sgd_step({p, m}, g, {.learning_rate = 1e-2f, .momentum = 0.9, .dampening = 0.3});
    return {next.parameter, *next.velocity};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const LionState next = lion_step({p, m}, g, {.learning_rate = 1e-2f, .weight_decay = 0.1f});
    return {next.parameter, next.m};
  });
  const mx::array matrix = mx::reshape(p, {-1, 5}), slope = mx::reshape(g, {-1, 5});
  expect_portable([&]() -> std::vector<mx::array> {
    const MuonState next = muon_step({matrix, mx::reshape(m, {-1, 5})}, slope,
                                     {.learning_rate = 1e-2f, .weight_decay = 0.1f});
    return {next.parameter, next.v};
  });
  expect_portable([&]() -> std::vector<mx::array> {
    const AdafactorState next = adafactor_step(
        AdafactorState{matrix, mx::mean(mx::square(matrix), -1), mx::mean(mx::square(matrix), -2),
                       mx::reshape(m, {-1, 5})},
        slope,
        {.rate = 1e-2f, .keep = 0.4f, .weight_decay = 0.1f, .scale_parameter = true, .beta1 = 0.9});
    return {next.parameter, next.row, next.col, *next.m};
  });
}

}  // namespace
}  // namespace graft::ops
