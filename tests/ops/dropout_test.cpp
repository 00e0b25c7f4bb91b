#include "graft/ops/dropout.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "graft/ops/backend.h"
#include "tests/support/distance.h"

namespace graft::ops {
namespace {

mx::array rows_of(int count) { return mx::astype(mx::arange(count), mx::uint32); }

TEST(DropoutOp, KernelAndPortableFormDropTheSame) {
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
    for (const int width : {1, 7, 64, 577}) {
      const mx::array x = mx::astype(mx::random::normal({5, width}), dtype);
      const auto of = [&](Kernels kernels) {
        const KernelsScope scope(kernels);
        return dropout(x, 0.4f, 0x123456789abcdef0u, rows_of(5));
      };
      EXPECT_EQ(testing::distance(of(Kernels::own), of(Kernels::mlx)), 0) << width;
    }
  }
}

TEST(DropoutOp, GradientDropsTheSame) {
  const mx::array x = mx::random::normal({6, 33}), g = mx::random::normal({6, 33});
  const auto f = [&](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{dropout(in[0], 0.25f, 99, rows_of(6))};
  };
  const auto [y, d_x] = mx::vjp(f, {x}, {g});
  EXPECT_EQ(testing::distance(d_x[0], dropout(g, 0.25f, 99, rows_of(6))), 0);
}

// Shares, and that neighbours in a row and a column know nothing of each other.
TEST(DropoutOp, IsAsRandomAsItShouldBe) {
  const int n = 512;
  for (const float share : {0.05f, 0.5f, 0.9f}) {
    const mx::array kept =
        mx::astype(mx::not_equal(dropout(mx::ones({n, n}), share, 5, rows_of(n)), mx::array(0.0f)),
                   mx::float32);
    const double mean = mx::mean(kept).item<float>(), deviation = std::sqrt(share * (1 - share));
    EXPECT_NEAR(mean, 1 - share, 5 * deviation / n);
    const mx::array centred = mx::subtract(kept, mx::array(static_cast<float>(mean)));
    for (const auto& [down, right] : {std::pair{1, 0}, {0, 1}, {1, 1}, {8, 0}, {0, 16}}) {
      const mx::array shifted = mx::slice(centred, {down, right}, {n, n});
      const mx::array same = mx::slice(centred, {0, 0}, {n - down, n - right});
      const double correlation =
          mx::mean(mx::multiply(same, shifted)).item<float>() / (deviation * deviation);
      EXPECT_NEAR(correlation, 0, 5.0 / n) << share << " " << down << " " << right;
    }
    // Rows as such are alike.
    const mx::array of_rows = mx::mean(kept, 1);
    EXPECT_LT(mx::max(mx::abs(mx::subtract(of_rows, mx::array(1 - share)))).item<float>(),
              6 * deviation / std::sqrt(n));
  }
}

}  // namespace
}  // namespace graft::ops
