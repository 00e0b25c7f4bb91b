// Writing rows: our kernels against the portable form.

#include <gtest/gtest.h>

#include <optional>

#include "graft/ops/rows.h"
#include "tests/ops/of_each_type.h"
#include "tests/support/expect_error.h"

namespace graft::ops {
namespace {

class WriteRows : public OfEachType {};

TEST_P(WriteRows, WriteRowsReplacesRows) {
  const mx::array rows = random({2, 5});
  for (bool at_once : {false, true}) {
    KernelsScope backend(Kernels::own);
    std::optional<RunAtOnce> running;
    if (at_once) running.emplace();
    mx::array whole = mx::zeros({6, 5}, dtype());
    write_rows(whole, 3, rows, {0, rows.shape(0)});
    mx::array expected =
        mx::concatenate({mx::zeros({3, 5}, dtype()), rows, mx::zeros({1, 5}, dtype())}, 0);
    EXPECT_EQ(testing::distance(mx::astype(whole, mx::float32), mx::astype(expected, mx::float32)),
              0);
    write_rows(whole, 0, rows, {1, 1});
    expected =
        mx::concatenate({mx::slice(rows, {1, 0}, {2, 5}), mx::slice(expected, {1, 0}, {6, 5})}, 0);
    EXPECT_EQ(testing::distance(mx::astype(whole, mx::float32), mx::astype(expected, mx::float32)),
              0);
    testing::expect_error(
        [&] {
          write_rows(whole, 5, rows, {0, 2});
        },
        "rows [0, 2) of 2 of width 5 are written at 5 of 6");
    testing::expect_error([&] { write_rows(whole, -1, rows, {0, 2}); }, "written at -1");
    testing::expect_error([&] { write_rows(whole, 0, rows, {1, 2}); }, "rows [1, 3) of 2");
  }
}

INSTANTIATE_TEST_SUITE_P(Types, WriteRows, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
