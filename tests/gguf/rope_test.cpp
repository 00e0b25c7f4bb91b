#include "graft/gguf/rope.h"

#include <gtest/gtest.h>

#include "graft/io/gguf.h"
#include "graft/io/gguf_writer.h"
#include "tests/support/temp_folder.h"

namespace graft::gguf {
namespace {

nn::RopeSettings settings_of(const nlohmann::json& scaling) {
  const nlohmann::json config = {
      {"rope_scaling", scaling}, {"rope_theta", 500000.0}, {"max_position_embeddings", 8192}};
  return nn::Rope::from_config(config, 64, "a config").settings();
}

// Frequencies divided by what the file holds are the model's.
TEST(GgufRope, DivisorsOfLlama3GiveTheModelsFrequencies) {
  const nlohmann::json scaling = {{"rope_type", "llama3"},
                                  {"factor", 32.0},
                                  {"low_freq_factor", 1.0},
                                  {"high_freq_factor", 4.0},
                                  {"original_max_position_embeddings", 8192}};
  const auto tensors = rope_tensors(settings_of(scaling));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].first, "rope_freqs.weight");
  const nlohmann::json config = {{"rope_scaling", scaling}, {"rope_theta", 500000.0}};
  const auto expected = nn::Rope::from_config(config, 64, "a config").inverse_frequencies(100);
  const auto plain =
      nn::Rope::from_config({{"rope_theta", 500000.0}}, 64, "a config").inverse_frequencies(100);
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(plain[i] / tensors[0].second.data<float>()[i], expected[i], 1e-6 * expected[i]);
  }
}

TEST(GgufRope, KeysSayHowItIsScaled) {
  testing::TempFolder folder;
  const auto keys_of = [&](const nlohmann::json& scaling) {
    const fs::path path = folder / "rope.gguf";
    io::GgufWriter writer(path);
    set_rope(writer, "llama", settings_of(scaling));
    writer.commit();
    return io::GgufFile(path);
  };
  const io::GgufFile linear = keys_of({{"rope_type", "linear"}, {"factor", 4.0}});
  EXPECT_EQ(linear.metadata().text("llama.rope.scaling.type"), "linear");
  EXPECT_EQ(linear.metadata().number("llama.rope.scaling.factor"), 4.0);
  EXPECT_EQ(linear.metadata().unsigned_number("llama.rope.dimension_count"), 64u);
  nlohmann::json yarn = {
      {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 2048}};
  const io::GgufFile usual = keys_of(yarn);
  EXPECT_EQ(usual.metadata().unsigned_number("llama.rope.scaling.original_context_length"), 2048u);
  EXPECT_FALSE(usual.metadata().has("llama.rope.scaling.attn_factor"));
  yarn["attention_factor"] = 1.0;
  const auto own = keys_of(yarn).metadata().number("llama.rope.scaling.attn_factor");
  EXPECT_NEAR(own.value(), 1 / (1 + 0.1 * std::log(4.0)), 1e-6);
}

}  // namespace
}  // namespace graft::gguf
