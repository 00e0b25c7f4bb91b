#include "graft/generation/generate.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <numeric>
#include <random>

#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "graft/ops/linear.h"
#include "tests/support/distance.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::generation {
namespace {

namespace mx = mlx::core;

// A model that keeps what generate() makes of it.
class Recorder final : public models::Model {
 public:
  explicit Recorder(models::Model& model) : model_(model) { dtype_ = model.dtype(); }

  int num_layers() const override { return model_.num_layers(); }
  int vocab_size() const override { return model_.vocab_size(); }
  models::Hidden embed(const mx::array& ids, const models::Dropout& dropout) const override {
    runs.push_back(ids.shape(0));
    return model_.embed(ids, dropout);
  }
  models::Hidden layer(int index, const models::Hidden& hidden,
                       const models::Context& context) const override {
    return model_.layer(index, hidden, context);
  }
  mx::array norm(const models::Hidden& hidden) const override {
    ends.push_back(model_.norm(hidden));
    return ends.back();
  }
  void untie_head() override { model_.untie_head(); }
  ops::Head head(const mx::array& h, const models::Dropout& dropout) const override {
    return model_.head(h, dropout);
  }
  std::vector<ops::RopeTable> rope_tables(const std::vector<Sequence>& sequences) const override {
    return model_.rope_tables(sequences);
  }
  std::vector<models::Part> parts() override { return model_.parts(); }
  std::vector<std::string> default_lora_keys() const override { return {}; }

  mutable std::vector<int> runs;        // tokens of each run
  mutable std::vector<mx::array> ends;  // the normed states from which tokens are picked, [1, D]

 private:
  models::Model& model_;
};

// On our kernels or on MLX's operations.
class CachedGeneration : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
    testing::write_tiny_model(folder_.path());
    model_ = models::load_model(io::ModelFolder::open(folder_.path()));
  }

  // Samples a text and expects, after the prompt and each token, the logits of the whole text in
  // one run without a cache. Gives the tokens of each run.
  std::vector<int> check(int prompt_tokens, int max_tokens) {
    std::mt19937 random(5);
    std::vector<int32_t> text(static_cast<size_t>(prompt_tokens));
    for (int32_t& id : text) id = static_cast<int32_t>(random() % 260);
    Recorder recorder(*model_);
    GenerateOptions options{max_tokens, {.temperature = 1}, {}, {}};
    GenerateResult result =
        generate(recorder, tokenizer::Tokenizer::load(folder_.path()), text, options);
    EXPECT_EQ(std::ssize(result.tokens), max_tokens);
    text.insert(text.end(), result.tokens.begin(), result.tokens.end());

    std::vector<int32_t> last(recorder.runs.size());
    std::partial_sum(recorder.runs.begin(), recorder.runs.end(), last.begin());
    EXPECT_EQ(last.back(), std::ssize(text) - 1);  // nothing follows the last token
    for (int32_t& place : last) --place;
    std::erase_if(last, [&](int32_t place) { return place < prompt_tokens - 1; });
    const mx::array ends = mx::concatenate(recorder.ends, 0);
    mx::array found = ops::logits(ends, model_->head(ends, {}));
    int n = static_cast<int>(text.size());
    mx::array whole = models::logits(*model_, mx::array(text.begin(), {n}, mx::int32),
                                     model_->context({{0, n, 0, n}}));
    mx::array places(last.begin(), {static_cast<int>(last.size())}, mx::int32);
    EXPECT_LT(testing::distance(found, mx::take(whole, places, 0)), 1e-5);
    return recorder.runs;
  }

  testing::TempFolder folder_;
  ops::KernelsScope backend_{GetParam() ? ops::Kernels::own : ops::Kernels::mlx};
  std::unique_ptr<models::Model> model_;
};

TEST_P(CachedGeneration, PromptInSeveralRunsGivesTheLogitsOfOne) {
  EXPECT_EQ(check(1300, 3), (std::vector<int>{512, 512, 276, 1, 1}));
}

TEST_P(CachedGeneration, PromptThatFillsItsRunsIsRunOnce) {
  EXPECT_EQ(check(1024, 1), (std::vector<int>{512, 512}));
}

TEST_P(CachedGeneration, LongTextGoesOnAsTheCacheGrows) {
  std::vector<int> runs = check(200, 400);  // beyond 256 and 512 rows
  EXPECT_EQ(runs.size(), 400u);
}

INSTANTIATE_TEST_SUITE_P(Forms, CachedGeneration, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "kernels" : "mlx"; });

}  // namespace
}  // namespace graft::generation
