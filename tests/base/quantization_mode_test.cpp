#include "graft/base/quantization_mode.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

TEST(QuantizationMode, IsFoundByItsName) {
  for (const char* name : {"affine", "mxfp4", "mxfp8", "nvfp4"}) {
    const auto mode = quantization_mode(name);
    ASSERT_TRUE(mode) << name;
    EXPECT_EQ(name_of(*mode), name);
    EXPECT_EQ(has_biases(*mode), std::string_view(name) == "affine");
    EXPECT_NE(quantization_mode_names().find(name), std::string::npos);
  }
  for (const char* name : {"", "Affine", "mxfp6", "nvfp4 "}) EXPECT_FALSE(quantization_mode(name));
}

TEST(QuantizationMode, HasTheBitsAndGroupsOfMlx) {
  const auto bits_of = [](QuantizationMode mode) {
    std::string bits;
    for (int i = -1; i <= 16; ++i) bits += has_bits(mode, i) ? std::to_string(i) : "";
    return bits + ", " + std::to_string(default_bits(mode));
  };
  const auto groups_of = [](QuantizationMode mode) {
    std::string sizes;
    for (int i = 0; i <= 256; ++i) sizes += has_group_size(mode, i) ? std::to_string(i) + " " : "";
    return sizes + std::to_string(default_group_size(mode));
  };
  EXPECT_EQ(bits_of(QuantizationMode::affine), "234568, 4");
  EXPECT_EQ(bits_of(QuantizationMode::mxfp4), "4, 4");
  EXPECT_EQ(bits_of(QuantizationMode::mxfp8), "8, 8");
  EXPECT_EQ(bits_of(QuantizationMode::nvfp4), "4, 4");
  EXPECT_EQ(groups_of(QuantizationMode::affine), "32 64 128 64");
  EXPECT_EQ(groups_of(QuantizationMode::mxfp4), "32 32");
  EXPECT_EQ(groups_of(QuantizationMode::mxfp8), "32 32");
  EXPECT_EQ(groups_of(QuantizationMode::nvfp4), "16 16");
}

TEST(QuantizationMode, IsSaidInWords) {
  EXPECT_EQ(quantization_text(QuantizationMode::affine, 3, 128), "3 bits in groups of 128");
  EXPECT_EQ(quantization_text(QuantizationMode::nvfp4, 4, 16), "nvfp4");
}

}  // namespace
}  // namespace graft
