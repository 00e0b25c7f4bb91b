// SmolLM2 from its GGUF file against transformers' f32 logits and greedy answers, see
// scripts/fixtures/smollm2_logits.py. `scripts/setup.sh model` brings the file.

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <nlohmann/json.hpp>

#include "graft/convert/convert.h"
#include "graft/data/load.h"
#include "graft/generation/generate.h"
#include "graft/io/safetensors.h"
#include "graft/models/registry.h"
#include "graft/training/evaluation.h"
#include "tests/support/distance.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"

namespace graft::generation {
namespace {

namespace mx = mlx::core;

using testing::distance;
using testing::TempFolder;

constexpr double kTolerance = 1e-4;  // of the largest logit

const fs::path kGguf = testing::source_folder() / "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

// Makes a model folder in which the file's blocks stay 4-bit layers or become float32 weights.
void convert_smollm2(const fs::path& folder, bool float32) {
  convert::ConvertOptions options{.hf_path = kGguf, .mlx_path = folder};
  if (float32) {
    options.dequantize = true;
    options.dtype = "float32";
  }
  convert::convert(options);
}

class SmolLM2 : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!fs::exists(kGguf)) GTEST_SKIP() << kGguf << " is not there: scripts/setup.sh model";
    convert_smollm2(folder_ / "model", GetParam());
    model_ = models::load_model(io::ModelFolder::open(folder_ / "model"), mx::float32);
    tokenizer_.emplace(tokenizer::Tokenizer::load(folder_ / "model"));
  }

  TempFolder folder_;
  io::SafetensorsFile expected_{testing::fixture("smollm2/logits.safetensors")};
  std::unique_ptr<models::Model> model_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
};

TEST_P(SmolLM2, LogitsAndGreedyAnswersAreThoseOfTransformers) {
  auto prompts = nlohmann::json::parse(expected_.metadata().at("prompts"));
  for (const auto& [name, text] : prompts.items()) {
    SCOPED_TRACE(name);
    auto load = [&, prefix = name + "."](const char* tensor) {
      return expected_.load(prefix + tensor);
    };
    mx::array ids = load("input_ids");
    std::vector<int32_t> prompt = tokenizer_->encode(text.get<std::string>());
    EXPECT_EQ(prompt, std::vector<int32_t>(ids.data<int32_t>(), ids.data<int32_t>() + ids.size()));

    mx::array found =
        models::logits(*model_, ids, model_->context({{0, ids.shape(0), 0, ids.shape(0)}}));
    mx::array last = mx::take(found, ids.shape(0) - 1, 0);
    EXPECT_LT(distance(last, load("last_logits")), kTolerance);
    mx::array top = mx::take_along_axis(found, load("top_indices"), 1);
    EXPECT_LT(distance(top, load("top_logits")), kTolerance);
    EXPECT_LT(distance(mx::logsumexp(found, 1), load("logsumexp")), kTolerance);

    mx::array greedy = load("greedy_ids");
    GenerateResult result =
        generate(*model_, *tokenizer_, prompt, {static_cast<int>(greedy.size()), {}, {}, {}},
                 [](std::string_view) {});
    EXPECT_EQ(result.tokens,
              std::vector<int32_t>(greedy.data<int32_t>(), greedy.data<int32_t>() + greedy.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Weights, SmolLM2, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "float32" : "in_4_bits"; });

// What a person trains and measures with, beside the most exact form of the same numbers.
TEST(SmolLM2Loss, InFourBitsAndBfloat16IsThatOfFloat32) {
  if (!fs::exists(kGguf)) GTEST_SKIP() << kGguf << " is not there: scripts/setup.sh model";
  auto loss = [](bool float32) {
    TempFolder folder;
    convert_smollm2(folder.path(), float32);
    auto model = models::load_model(io::ModelFolder::open(folder.path()),
                                    float32 ? mx::float32 : mx::bfloat16);
    EXPECT_EQ(std::get<nn::Linear*>(model->parts()[0].part)->weight.quantized(), !float32);
    const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(folder.path());
    const data::Encoder encoder(tokenizer, data::chat_form(folder.path(), tokenizer),
                                {.add_eos = true});
    const data::Dataset set =
        data::load({{.files = {{testing::source_folder() / "data" / "test.jsonl", "test"}},
                     .keys = {.text = "text"}}},
                   "test", encoder, *silent_front_end());
    return training::evaluate(models::LayerRunner(*model), data::EvaluationBatches(set, 4, 2))
        .loss;  // 8 lines
  };
  EXPECT_NEAR(loss(false), loss(true), 0.01);
}

}  // namespace
}  // namespace graft::generation
