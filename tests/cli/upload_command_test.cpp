// What can be refused of an upload is refused before any work. Uploads themselves:
// tests/interop/hub_uploads.py.

#include <gtest/gtest.h>

#include "graft/io/json.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Upload : public ProgramTest {
 protected:
  Upload() {
    ::setenv("HF_HOME", (folder_ / "hf").c_str(), 1);
    ::setenv("HF_ENDPOINT", "http://127.0.0.1:9", 1);  // nobody is there
    ::setenv("HF_TOKEN", "hf_secret", 1);
  }
  ~Upload() override {
    for (const char* name : {"HF_HOME", "HF_ENDPOINT", "HF_TOKEN"}) ::unsetenv(name);
  }
  json provenance(const char* model) const {
    return io::read_json_object(folder_ / model / "graft.json");
  }
};

TEST_F(Upload, WithoutAnOriginIsRefusedBeforeTheWork) {
  expect_refused(run({"convert", "--hf-path", "model", "--upload-name", "me/x"}), 2,
                 "model does not say what model of the Hub it is made from, which the card of an "
                 "upload names: give --model model --hf-path owner/name");
  EXPECT_FALSE(fs::exists(folder_ / "mlx_model"));
  ASSERT_EQ(train().code, 0);
  expect_refused(run({"fuse", "--model", "model", "--upload-name", "me/x"}), 2, "--hf-path");
  EXPECT_FALSE(fs::exists(folder_ / "lora_fused_model"));
  expect_refused(run({"upload", "model", "--repo", "me/x"}), 2, "--hf-path");
}

TEST_F(Upload, WithoutATokenOrToANameThatIsNoneIsRefusedBeforeTheWork) {
  const std::vector<std::string> convert = {"convert",   "--model",   "model",
                                            "--hf-path", "acme/base", "--upload-name"};
  const auto to = [&](const std::string& name) {
    std::vector<std::string> arguments = convert;
    arguments.push_back(name);
    return run(arguments);
  };
  for (const char* name : {"a/b/c", "", "../x", "a b"}) expect_refused(to(name), 2, "owner/name");
  ::unsetenv("HF_TOKEN");
  expect_refused(to("me/x"), 1, "set HF_TOKEN");
  expect_refused(run({"upload", "model", "--repo", "me/x", "--hf-path", "a/b"}), 1, "set HF_TOKEN");
  EXPECT_FALSE(fs::exists(folder_ / "mlx_model"));
}

TEST_F(Upload, OfWhatIsNoModelIsRefused) {
  fs::create_directory(folder_ / "empty");
  expect_refused(run({"upload", "empty", "--repo", "me/x"}), 2, "neither a model's folder");
  expect_refused(run({"upload", "absent", "--repo", "me/x"}), 2, "there is no folder absent");
  expect_refused(run({"convert", "--hf-path", "model", "--private"}), 2, "--upload-name");
  expect_refused(run({"convert"}), 2, "--hf-path is missing");
}

// Each says what was done to it, without a path of this machine.
TEST_F(Upload, ModelsAndAdaptersRememberHowTheyWereMade) {
  ASSERT_EQ(
      run({"convert", "--model", "model", "--hf-path", "acme/base", "-q", "--q-group-size", "32"})
          .code,
      0);
  const json converted = provenance("mlx_model");
  EXPECT_EQ(converted["base_model"], "acme/base");
  EXPECT_EQ(converted["steps"][0]["command"],
            "graft convert --hf-path acme/base -q --q-bits 4 --q-group-size 32");
  // The last of two options counts.
  ASSERT_EQ(train({"--model", "mlx_model"}).code, 0);
  ASSERT_EQ(run({"fuse", "--model", "mlx_model"}).code, 0);
  const json fused = provenance("lora_fused_model");
  EXPECT_EQ(fused["base_model"], "acme/base");
  ASSERT_EQ(fused["steps"].size(), 3u);
  EXPECT_EQ(fused["steps"][0], converted["steps"][0]);
  EXPECT_EQ(fused["steps"][1]["command"], "graft lora --model acme/base --train");
  std::map<std::string, std::string> facts;
  for (const json& fact : fused["steps"][1]["facts"]) facts[fact["name"]] = fact["value"];
  EXPECT_EQ(facts["iterations"], "20");
  EXPECT_EQ(facts["LoRA rank"], "8");
  EXPECT_EQ(facts["optimizer"], "adam, learning rate 0.005");
  EXPECT_TRUE(std::regex_match(facts["training loss"], std::regex("[0-9]\\.[0-9]{3}")));
  EXPECT_TRUE(std::regex_match(facts["validation loss"], std::regex("[0-9]\\.[0-9]{3}")));
  EXPECT_EQ(fused["steps"][2]["command"], "graft fuse --model acme/base");
  // A folder that was made before, converted once more.
  ASSERT_EQ(run({"convert", "--hf-path", "mlx_model", "--mlx-path", "dense", "-d"}).code, 0);
  EXPECT_EQ(provenance("dense")["steps"].size(), 2u);
  for (const char* model : {"mlx_model", "lora_fused_model", "dense"}) {
    EXPECT_EQ(read_bytes(folder_ / model / "graft.json").find(folder_.path().string()),
              std::string::npos);
  }
}

}  // namespace
}  // namespace graft::testing
