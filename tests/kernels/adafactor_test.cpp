#include "graft/kernels/adafactor.h"

#include <gtest/gtest.h>

#include "graft/kernels/scalar/adafactor.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }

// What Adafactor keeps.
struct Kept {
  Numbers parameter, row, col, m;

  Kept(int64_t count, int64_t rows, int64_t columns)
      : parameter(Numbers(ScalarType::f32, count * rows * columns, 1).random(2)),
        row(squares(count * rows)),
        col(squares(count * columns)),
        m(Numbers(ScalarType::f32, count * rows * columns, 3).random(3)) {}

  template <class T>
  AdafactorArrays<T> arrays(bool with_m) {
    return {floats(parameter), floats(row), floats(col), with_m ? floats(m) : nullptr};
  }

 private:
  static Numbers squares(int64_t count) {
    Numbers numbers = Numbers(ScalarType::f32, count, 2).random(4);
    for (int64_t i = 0; i < count; ++i) floats(numbers)[i] *= floats(numbers)[i];
    return numbers;
  }
};

void check(const AdafactorOptions& options, int64_t count, int64_t rows, int64_t columns,
           bool with_m, double most = 1e-6) {
  SCOPED_TRACE(std::to_string(count) + " x " + std::to_string(rows) + " x " +
               std::to_string(columns));
  Numbers g = Numbers(ScalarType::f32, count * rows * columns, 1).random(1);
  Kept kept(count, rows, columns);
  Kept fast(kept), slow(kept);
  adafactor_update(options, count, rows, columns, floats(g), kept.arrays<const float>(with_m),
                   fast.arrays<float>(with_m));
  adafactor_update_scalar(options, count, rows, columns, floats(g),
                          kept.arrays<const float>(with_m), slow.arrays<float>(with_m));
  const auto expect_same = [](const Kept& a, const Kept& b, double tolerance) {
    expect_close(a.parameter, b.parameter, tolerance, tolerance);
    expect_close(a.row, b.row, tolerance, tolerance);
    expect_close(a.col, b.col, tolerance, tolerance);
    expect_close(a.m, b.m, tolerance, tolerance);
  };
  expect_same(fast, slow, most);
  adafactor_update(options, count, rows, columns, floats(g), kept.arrays<const float>(with_m),
                   kept.arrays<float>(with_m));
  expect_same(kept, fast, 0);
}

TEST(Adafactor, EveryShapeAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t rows : {1, 2, 9, 40}) {
      for (int64_t columns : {1, 8, 17, 70}) {
        check({.rate = 1e-2f, .keep = 0.7f}, 1, rows, columns, false);
        check({.rate = 1e-2f,
               .keep = 0.3f,
               .scale_eps = 0.1f,
               .clip_threshold = 0.5f,
               .weight_decay = 0.1f,
               .scale_parameter = true,
               .beta1 = 0.9},
              2, rows, columns, true);
      }
    }
    // Long sums round more.
    check({.rate = 1e-2f, .keep = 0.0f}, 1, 8, 9000, false, 1e-5);
    check({.rate = 1e-2f, .keep = 0.0f}, 1, 9000, 8, false, 1e-5);
  });
}

TEST(Adafactor, NothingMovesWithoutAGradient) {
  for_each_isa([] {
    float g[4] = {}, p[4] = {1, 2, 3, 4}, row[2] = {}, col[2] = {};
    adafactor_update({.rate = 1e-2f, .keep = 0}, 1, 2, 2, g, {p, row, col, nullptr},
                     {p, row, col, nullptr});
    EXPECT_EQ(p[3], 4.0f);
    EXPECT_EQ(row[0], 1e-30f);
  });
}

}  // namespace
}  // namespace graft::kernels
