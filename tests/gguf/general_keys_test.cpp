#include "graft/gguf/general_keys.h"

#include <gtest/gtest.h>

#include "graft/io/gguf.h"
#include "graft/io/gguf_writer.h"
#include "tests/support/temp_folder.h"

namespace graft::gguf {
namespace {

TEST(GeneralKeys, SizesAreRoundedAsNamesHaveThem) {
  EXPECT_EQ(size_label({.parameters = 134515008}), "135M");
  EXPECT_EQ(size_label({.parameters = 1235814400}), "1.2B");
  EXPECT_EQ(size_label({.parameters = 8030261248}), "8.0B");
  EXPECT_EQ(size_label({.parameters = 70553706496}), "71B");
  EXPECT_EQ(size_label({.parameters = 900}), "0.9K");
  EXPECT_EQ(size_label({.parameters = 46702792704, .in_experts = 45097156608, .experts = 8}),
            "8x7.2B");
}

TEST(GeneralKeys, SayWhereAModelComesFromAndHowItIsSampled) {
  testing::TempFolder folder;
  const fs::path path = folder / "keys.gguf";
  io::GgufWriter writer(path);
  set_general_keys(
      writer, {.name = "Mine", .license = "mit", .base_model = "owner/base", .datasets = {"a/b"}},
      {.parameters = 1000});
  set_sampling_keys(writer, json{{"temperature", 0.5}, {"top_k", 20}, {"top_p", "high"}});
  writer.commit();
  const io::GgufFile file(path);
  const io::GgufMetadata& keys = file.metadata();
  EXPECT_EQ(keys.text("general.name"), "Mine");
  EXPECT_EQ(keys.text("general.license"), "mit");
  EXPECT_EQ(keys.text("general.base_model.0.name"), "base");
  EXPECT_EQ(keys.text("general.base_model.0.repo_url"), "https://huggingface.co/owner/base");
  EXPECT_EQ(keys.text("general.dataset.0.organization"), "a");
  EXPECT_EQ(keys.number("general.sampling.temp"), 0.5);
  EXPECT_EQ(keys.unsigned_number("general.sampling.top_k"), 20u);
  EXPECT_FALSE(keys.has("general.sampling.top_p"));
  EXPECT_FALSE(keys.has("general.organization"));
}

}  // namespace
}  // namespace graft::gguf
