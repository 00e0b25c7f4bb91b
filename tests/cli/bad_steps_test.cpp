// Trainings whose steps go wrong.

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <set>
#include <sstream>

#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/lora/adapter_file.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

namespace mx = mlx::core;

class BadSteps : public ProgramTest {
 protected:
  // Makes the model f16, with a token, "Z", whose last norm overflows: an element that is zero for
  // all other tokens is as large as f16 can be there.
  void make_model_overflow() {
    const fs::path file = folder_ / "model" / "model.safetensors";
    std::map<std::string, mx::array> tensors;
    {
      const io::SafetensorsFile source(file);
      for (const std::string& name : source.names()) {
        mx::array tensor = mx::add(source.load(name), mx::array(0.0f));
        const bool writes = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
        if (writes) tensor = set(tensor, 0, {1, tensor.shape(1)}, 0);
        if (name.ends_with("embed_tokens.weight")) {
          tensor = mx::transpose(set(mx::transpose(tensor), 0, {1, tensor.shape(0)}, 0));
          tensors.insert({"lm_head.weight", half(tensor)});
          tensor = set(tensor, 'Z', {1, tensor.shape(1)}, 0);
          tensor = mx::slice_update(tensor, mx::full({1, 1}, 60000.0f), mx::Shape{'Z', 0},
                                    mx::Shape{'Z' + 1, 1});
        }
        if (name == "model.norm.weight")
          tensor = mx::slice_update(tensor, mx::full({1}, 20000.0f), mx::Shape{0}, mx::Shape{1});
        tensors.insert({name, half(tensor)});
      }
    }
    io::save_safetensors(file, tensors, {{"format", "pt"}});
    json config = io::read_json_object(folder_ / "model" / "config.json");
    config["torch_dtype"] = "float16";
    config["tie_word_embeddings"] = false;
    write("model/config.json", config.dump());
  }

  static mx::array half(const mx::array& tensor) {
    mx::array result = mx::contiguous(mx::astype(tensor, mx::float16));
    mx::eval(result);
    return result;
  }

  static mx::array set(const mx::array& matrix, int row, const mx::Shape& shape, float value) {
    return mx::slice_update(matrix, mx::full(shape, value), mx::Shape{row, 0},
                            mx::Shape{row + 1, shape[1]});
  }

  // Lines of which these hold the token.
  void write_training_data(const std::set<int>& poisoned) {
    std::string lines;
    for (int line = 1; line <= 12; ++line) {
      const char* what = poisoned.count(line) != 0 ? " Z " : " is ";
      lines += json{{"text", "number " + std::to_string(line) + what + "here"}}.dump() + "\n";
    }
    write("data/train.jsonl", lines);
  }

  std::vector<json> bad_batches() {
    std::vector<json> found;
    std::istringstream lines(read_bytes(folder_ / "adapters.run" / "bad-batches.jsonl"));
    for (std::string line; std::getline(lines, line);) found.push_back(json::parse(line));
    return found;
  }

  void expect_finite_adapter(const fs::path& file) {
    for (const auto& [name, tensor] : lora::read_adapter_file(file).tensors) {
      EXPECT_TRUE(mx::all(mx::isfinite(tensor.load())).item<bool>()) << name;
    }
  }
};

TEST_F(BadSteps, APoisonedExampleThatOverflowsF16IsPassedOver) {
  make_model_overflow();
  write_training_data({5});
  const ProgramResult result =
      run({"lora", "--model", "model", "--train", "--iters", "24", "--batch-size", "1",
           "--steps-per-report", "24", "--learning-rate", "1e-3"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(
      result.err,
      "warning: iteration [0-9]+: the loss, its gradient or the step is not finite: skipped "
      "\\(largest loss at data/train.jsonl:5\\)");
  const std::vector<json> bad = bad_batches();
  ASSERT_EQ(bad.size(), 2u);  // an epoch has it once
  for (const json& batch : bad)
    EXPECT_EQ(batch.dump().find("\"line\":5") == std::string::npos, false) << batch;
  expect_finite_adapter(folder_ / "adapters.npz");
  const std::string metrics = read_bytes(folder_ / "adapters.run" / "metrics.jsonl");
  EXPECT_NE(metrics.find("\"skipped\":2"), std::string::npos) << metrics;
}

TEST_F(BadSteps, NothingButPoisonStopsTheTraining) {
  make_model_overflow();
  write_training_data({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  expect_refused(
      run({"lora", "--model", "model", "--train", "--iters", "24", "--max-bad-steps", "4"}), 1,
      "for the 4th time in a row; nothing was trained before");
  EXPECT_EQ(bad_batches().size(), 4u);
  EXPECT_FALSE(fs::exists(folder_ / "adapters.npz"));
}

TEST_F(BadSteps, ARateThatIsTooHighLeavesTheLastGoodState) {
  // The first step of a warm-up has the rate 0, the next ones lead beyond all numbers.
  const ProgramResult result =
      train({"--learning-rate", "3e38", "--warmup", "2", "--save-every", "1"});
  expect_refused(result, 1, "the last state whose loss and gradient were finite, of ");
  EXPECT_NE(result.err.find("A smaller --learning-rate or --lora-scale usually helps"),
            std::string::npos)
      << result.err;
  // What was good goes on with another rate, as a training of its own.
  std::smatch match;
  ASSERT_TRUE(
      std::regex_search(result.err, match, std::regex("finite, of [0-9]+ steps?, is in ([^;]+);")));
  const fs::path good = folder_ / match[1].str();
  expect_finite_adapter(good / "adapters.npz");
  EXPECT_EQ(
      train({"--resume-adapter-file", (good / "adapters.npz").string(), "--adapter-file", "b.npz"})
          .code,
      0);
}

}  // namespace
}  // namespace graft::testing
