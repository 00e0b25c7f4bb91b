#include "graft/kernels/muon.h"

#include <gtest/gtest.h>

#include "graft/kernels/scalar/muon.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

void check(const MuonOptions& options, int64_t rows, int64_t columns, int64_t offset = 0) {
  SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(columns));
  const auto floats = [](Numbers& numbers) { return static_cast<float*>(numbers.data()); };
  constexpr ScalarType f32 = ScalarType::f32;
  const int64_t count = rows * columns;
  Numbers g = Numbers(f32, count, offset).random(1), p = Numbers(f32, count, offset).random(2);
  Numbers v = Numbers(f32, count, offset).random(3);
  Numbers p1(p), v1(v), p2(p), v2(v);
  muon_update(options, rows, columns, floats(g), floats(p), floats(v), floats(p1), floats(v1));
  muon_update_scalar(options, rows, columns, floats(g), floats(p), floats(v), floats(p2),
                     floats(v2));
  // A singular value that is nearly 0 grows by 3.4445 an iteration, and so does its rounding.
  expect_close(p1, p2, 1e-5, 1e-5);
  expect_close(v1, v2, 2e-7, 2e-7);
  muon_update(options, rows, columns, floats(g), floats(p), floats(v), floats(p), floats(v));
  expect_close(p, p1, 0, 0);
  expect_close(v, v1, 0, 0);
}

TEST(Muon, EveryShapeAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t side : {1, 2, 3, 8, 17}) {
      for (int64_t n : {1, 5, 16, 33, 70}) {
        check({.step = 1e-2f, .weight_decay = 0.1f}, side, n, n % 4);
        check({.step = 1e-2f, .nesterov = false, .iterations = 3}, n, side, side % 4);
      }
    }
    check({.step = 1e-2f, .momentum = 0.8}, kMuonMostSide, 1000);
    check({.step = 1e-2f, .iterations = 0}, 9000, 8);
  });
}

TEST(Muon, NothingMovesWithoutAGradient) {
  for_each_isa([] {
    float g[4] = {}, p[4] = {1, 2, 3, 4}, v[4] = {};
    muon_update({.step = 1e-2f}, 2, 2, g, p, v, p, v);
    EXPECT_EQ(p[3], 4.0f);
    EXPECT_EQ(v[0], 0.0f);
  });
}

}  // namespace
}  // namespace graft::kernels
