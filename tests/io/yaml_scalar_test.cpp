#include "graft/io/yaml_scalar.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graft/io/json.h"
#include "tests/support/paths.h"

namespace graft::io {
namespace {

// The loader of mlx-lm: scripts/fixtures/yaml_scalars.py
TEST(PlainScalar, IsWhatMlxLmMakesOfIt) {
  const ordered_json expected = read_ordered_json_object(testing::fixture("yaml_scalars.json"));
  ASSERT_GT(expected.size(), 100u);
  for (const auto& [text, value] : expected.items()) {
    const ordered_json found = plain_scalar(text);
    SCOPED_TRACE(text);
    if (found.is_number_float() && !std::isfinite(found.get<double>())) {
      EXPECT_EQ(fmt::format("{}", found.get<double>()),
                value.dump().substr(1, value.dump().size() - 2));
      continue;
    }
    EXPECT_EQ(found, value);
    EXPECT_EQ(found.is_number_float(), value.is_number_float());
    EXPECT_EQ(found.is_boolean(), value.is_boolean());
  }
}

TEST(PlainScalar, IsTextWhereItWouldBeADateOrBase60) {
  for (const char* text : {"2024-01-01", "1:30", "190:20:30", "190:20:30.15"}) {
    EXPECT_EQ(plain_scalar(text), text);
  }
}

TEST(PlainScalar, MayBeTooLargeForAnInteger) {
  EXPECT_EQ(plain_scalar("18446744073709551615"), 18446744073709551615u);
  EXPECT_EQ(plain_scalar("18446744073709551616"), 18446744073709551616.0);
  EXPECT_EQ(plain_scalar("-9223372036854775809"), -9223372036854775809.0);
  EXPECT_EQ(plain_scalar(std::string(100000, '1')), std::string(100000, '1'));
}

}  // namespace
}  // namespace graft::io
