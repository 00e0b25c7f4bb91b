#include <gtest/gtest.h>

#include "graft/io/gguf.h"
#include "graft/io/json.h"
#include "tests/cli/program_fixture.h"

namespace graft {
namespace {

using testing::ProgramResult;

class ExportCommand : public testing::ProgramTest {
 protected:
  std::string path(const char* name) const { return (folder_ / name).string(); }
};

TEST_F(ExportCommand, AModelComesBackAsItWas) {
  const ProgramResult written = run({"export", "model", "--gguf", "m.gguf"});
  ASSERT_EQ(written.code, 0) << written.err;
  expect_line(written.out, "Wrote m.gguf: \\d+ tensors, .* MB");
  expect_line(written.out, "  F32 .* exact");
  ASSERT_EQ(run({"convert", "--hf-path", "m.gguf", "--mlx-path", "back"}).code, 0);
  EXPECT_EQ(test_loss({"--model", "back", "--adapter-file", "none"}),
            test_loss({"--model", "model", "--adapter-file", "none"}));
}

TEST_F(ExportCommand, AnAdapterIsInTheFile) {
  ASSERT_EQ(train().code, 0);
  ASSERT_EQ(
      run({"export", "--model", "model", "--gguf", "m.gguf", "--adapter-file", "adapters.npz"})
          .code,
      0);
  ASSERT_EQ(run({"convert", "--hf-path", "m.gguf", "--mlx-path", "back"}).code, 0);
  EXPECT_NEAR(test_loss({"--model", "back", "--adapter-file", "none"}),
              test_loss({"--model", "model", "--adapter-file", "adapters.npz"}), 0.0011);
  const io::GgufFile file(folder_ / "m.gguf");
  EXPECT_EQ(file.metadata().text("general.name"), "model (fine-tuned)");
}

TEST_F(ExportCommand, TypesAreTheOnesAskedFor) {
  const ProgramResult written =
      run({"export", "model", "--gguf", "m.gguf", "--type", "q4_k_m", "--name", "Mine"});
  ASSERT_EQ(written.code, 0) << written.err;
  // Rows of 32 numbers are too short for the K types.
  expect_line(written.out, "  Q5_0 .* error .*% of the weights");
  expect_line(written.out, " +\\d+ of them since K types want rows of a multiple of 256");
  EXPECT_EQ(io::GgufFile(folder_ / "m.gguf").metadata().text("general.name"), "Mine");
  expect_refused(run({"export", "model", "--gguf", "m.gguf", "--type", "q9"}), 2, "q4_k_m");
}

TEST_F(ExportCommand, WhatIsThereAndNotGraftsStays) {
  testing::write_bytes(folder_ / "mine.txt", "mine");
  expect_refused(run({"export", "model", "--gguf", "mine.txt"}), 2, "no GGUF file");
  expect_refused(run({"export", "model", "--gguf", "m.gguf", "--modelfile", "mine.txt"}), 2,
                 "not graft's");
  EXPECT_EQ(testing::read_bytes(folder_ / "mine.txt"), "mine");
  EXPECT_FALSE(fs::exists(folder_ / "m.gguf"));
  expect_refused(run({"export", "model", "--gguf", "m.gguf", "--modelfile", "./m.gguf"}), 2,
                 "cannot be both files");
  expect_refused(run({"export", "model"}), 2, "--gguf is missing");
  expect_refused(run({"export", "model", "--gguf", "no/such/folder.gguf"}), 1, "no/such");
  EXPECT_EQ(run({"export", "model", "--gguf", "mine.txt", "--force"}).code, 0);
}

TEST_F(ExportCommand, AModelfileSaysHowChatsAreWritten) {
  testing::write_bytes(folder_ / "model" / "chat_template.jinja",
                       "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
                       "{% if add_generation_prompt %}<assistant>{% endif %}");
  testing::write_bytes(folder_ / "model" / "generation_config.json",
                       R"({"temperature": 0.5, "eos_token_id": 257})");
  const ProgramResult written =
      run({"export", "model", "--gguf", "m.gguf", "--modelfile", "Modelfile"});
  ASSERT_EQ(written.code, 0) << written.err;
  expect_line(written.out, "Wrote Modelfile: ollama create NAME -f Modelfile");
  const std::string text = testing::read_bytes(folder_ / "Modelfile");
  expect_line(text, "FROM ./m.gguf");
  expect_line(text, "PARAMETER stop \"</s>\"");
  expect_line(text, "PARAMETER temperature 0.5");
  EXPECT_NE(text.find("<user>{{ end }}{{ $m.Content }}</s><assistant>"), std::string::npos) << text;
  EXPECT_EQ(io::GgufFile(folder_ / "m.gguf").metadata().number("general.sampling.temp"), 0.5);
  // It is graft's now, and may be replaced.
  EXPECT_EQ(run({"export", "model", "--gguf", "m.gguf", "--modelfile", "Modelfile"}).code, 0);
}

TEST_F(ExportCommand, FuseWritesOneWhereMlxLmDoes) {
  ASSERT_EQ(train().code, 0);
  const std::vector<std::string> fuse = {"fuse",         "--model",      "model",
                                         "--save-path",  "fused model",  "--adapter-file",
                                         "adapters.npz", "--export-gguf"};
  for (int i = 0; i < 2; ++i) {  // the second replaces what the first has written
    const ProgramResult fused = run(fuse);
    ASSERT_EQ(fused.code, 0) << fused.err;
    expect_line(fused.out, "Wrote fused model/ggml-model-f16.gguf: .*");
  }
  EXPECT_EQ(io::GgufFile(folder_ / "fused model" / "ggml-model-f16.gguf")
                .metadata()
                .unsigned_number("general.file_type"),
            1u);
  // What llama.cpp has not is said before anything is computed or written.
  fs::remove_all(folder_ / "fused model");
  const std::string config = testing::read_bytes(folder_ / "model/config.json");
  json other = json::parse(config);
  other["rope_scaling"] = {{"type", "yarn"}, {"factor", 2.0}, {"beta_fast", 8.0}};
  write("model/config.json", other.dump());
  expect_refused(run(fuse), 1, "would compute another model");
  EXPECT_FALSE(fs::exists(folder_ / "fused model"));
  write("model/config.json", config);
  std::vector<std::string> elsewhere = fuse;
  elsewhere.insert(elsewhere.end(), {"--gguf-path", "sub/m.gguf"});
  expect_refused(run(elsewhere), 2, "a name that ends in .gguf");
  elsewhere.back() = "model.safetensors";  // the fused model's
  expect_refused(run(elsewhere), 2, "a name that ends in .gguf");
}

}  // namespace
}  // namespace graft
