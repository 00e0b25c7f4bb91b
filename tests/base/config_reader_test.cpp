#include "graft/base/config_reader.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft {
namespace {

using testing::expect_error;

class ConfigReaderTest : public ::testing::Test {
 protected:
  nlohmann::json object_ = {{"n", 3},       {"zero", 0},   {"huge", 1e12},   {"half", 0.5},
                            {"text", "ab"}, {"yes", true}, {"null", nullptr}};
  ConfigReader read_{object_, "config.json"};
};

TEST_F(ConfigReaderTest, ReadsEachKind) {
  EXPECT_EQ(read_.integer("n"), 3);
  EXPECT_EQ(read_.number("half"), 0.5);
  EXPECT_EQ(read_.text("text"), "ab");
  EXPECT_TRUE(read_.boolean("yes"));
}

TEST_F(ConfigReaderTest, NullAndMissingTakeTheDefault) {
  EXPECT_EQ(read_.integer("null", 7), 7);
  EXPECT_EQ(read_.text("absent", "x"), "x");
  EXPECT_FALSE(read_.has("null"));
}

TEST_F(ConfigReaderTest, MissingWithoutDefaultIsNamed) {
  expect_error([&] { read_.integer("absent"); }, "config.json: absent is missing");
}

TEST_F(ConfigReaderTest, AnotherKindIsNamedWithWhatWasFound) {
  expect_error([&] { read_.integer("text"); }, {"text must be a positive integer", "\"ab\""});
  expect_error([&] { read_.integer("zero"); }, "zero must be a positive integer, found 0");
  expect_error([&] { read_.integer("half"); }, "found 0.5");
  expect_error([&] { read_.integer("huge"); }, "huge must be");
  expect_error([&] { read_.number("yes"); }, "yes must be a number");
  expect_error([&] { read_.boolean("n"); }, "n must be true or false");
  expect_error([&] { read_.text("n"); }, "n must be a string");
}

}  // namespace
}  // namespace graft
