#include "graft/convert/bit_recipe.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::convert {
namespace {

std::vector<std::string> names(int layers, const std::string& prefix = "model.layers.") {
  std::vector<std::string> all = {"lm_head.weight", "model.embed_tokens.weight"};
  for (int i = 0; i < layers; ++i) {
    for (const char* part : {".self_attn.v_proj", ".self_attn.q_proj", ".mlp.down_proj"}) {
      all.push_back(prefix + std::to_string(i) + part + ".weight");
    }
  }
  return all;
}

std::string bits_of_layers(const BitRecipe& recipe, int layers, const std::string& part,
                           const std::string& prefix = "model.layers.") {
  std::string bits;
  for (int i = 0; i < layers; ++i) {
    bits += std::to_string(recipe.bits_of(prefix + std::to_string(i) + part));
  }
  return bits;
}

TEST(BitRecipe, GivesMoreToTheEndsAndToEveryThirdLayerBetween) {
  const BitRecipe recipe("mixed_3_6", names(24));
  for (const char* part : {".self_attn.v_proj", ".mlp.down_proj", ".self_attn.qkv_proj"}) {
    EXPECT_EQ(bits_of_layers(recipe, 24, part), "666336336336336336336666") << part;
  }
  EXPECT_EQ(bits_of_layers(recipe, 24, ".self_attn.q_proj"), std::string(24, '3'));
  EXPECT_EQ(recipe.bits_of("model.embed_tokens"), 3);
  EXPECT_EQ(recipe.bits_of("lm_head"), 6);
}

TEST(BitRecipe, FindsTheLayersWhereverTheyAreNumbered) {
  const std::string prefix = "language_model.model.layers.";
  const BitRecipe recipe("mixed_2_6", names(9, prefix));
  EXPECT_EQ(bits_of_layers(recipe, 9, ".mlp.down_proj", prefix), "622622666");
  EXPECT_EQ(recipe.bits_of("language_model.model.embed_tokens"), 2);
}

TEST(BitRecipe, HasTheBitsOfItsName) {
  for (const auto& [name, low, high] :
       {std::tuple("mixed_2_6", 2, 6), std::tuple("mixed_3_4", 3, 4), std::tuple("mixed_3_6", 3, 6),
        std::tuple("mixed_4_6", 4, 6)}) {
    EXPECT_TRUE(BitRecipe::is_name(name));
    const BitRecipe recipe(name, names(2));
    EXPECT_EQ(recipe.bits_of("lm_head"), high);
    EXPECT_EQ(recipe.bits_of("model.embed_tokens"), low);
  }
  EXPECT_FALSE(BitRecipe::is_name("mixed_5_6"));
}

TEST(BitRecipe, IsNotForModelsWithOtherNames) {
  testing::expect_error([] { BitRecipe("mixed_4_6", {"model.layers.0.mlp.fc2.weight"}); },
                        "whose layers have a down_proj");
}

}  // namespace
}  // namespace graft::convert
