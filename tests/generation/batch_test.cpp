#include "graft/generation/batch.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "graft/convert/convert.h"
#include "graft/generation/generate.h"
#include "graft/generation/session.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::generation {
namespace {

using Ids = std::vector<int32_t>;

Ids some_ids(int count, unsigned seed) {
  std::mt19937 random(seed);
  Ids ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 260);
  return ids;
}

struct Given {
  const models::Model& model;
  const tokenizer::Tokenizer& tokenizer;
};

// The answers, each alone.
std::vector<BatchAnswer> alone(const Given& given, const std::vector<BatchPrompt>& prompts,
                               const Ends& ends) {
  std::vector<BatchAnswer> answers;
  for (const BatchPrompt& prompt : prompts) {
    BatchAnswer answer;
    const GenerateResult result =
        generate(given.model, given.tokenizer, prompt.ids,
                 {ends.max_tokens, prompt.sampler, ends.eos_ids, ends.stop},
                 [&](std::string_view part) { answer.text += part; });
    answer.tokens = result.tokens;
    answer.prompt_tokens = result.prompt_tokens;
    answer.steps = result.steps;
    answer.end = result.end;
    answers.push_back(answer);
  }
  return answers;
}

std::vector<BatchAnswer> batched(const Given& given, const std::vector<BatchPrompt>& prompts,
                                 const BatchOptions& options) {
  std::vector<BatchAnswer> answers;
  const BatchResult result = generate_batch(given.model, given.tokenizer, prompts, options,
                                            [&](size_t index, BatchAnswer answer) {
                                              EXPECT_EQ(index, answers.size());
                                              answers.push_back(std::move(answer));
                                            });
  EXPECT_EQ(result.answers, answers.size());
  int64_t steps = 0;
  for (const BatchAnswer& answer : answers) steps += answer.steps;
  EXPECT_EQ(result.steps, steps);
  return answers;
}

void expect_equal(const std::vector<BatchAnswer>& found, const std::vector<BatchAnswer>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(found[i].tokens, expected[i].tokens);
    EXPECT_EQ(found[i].text, expected[i].text);
    EXPECT_EQ(found[i].prompt_tokens, expected[i].prompt_tokens);
    EXPECT_EQ(found[i].steps, expected[i].steps);
    EXPECT_EQ(found[i].end, expected[i].end);
  }
}

// On our kernels or on MLX's operations.
class BatchTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
    testing::write_tiny_model(folder_.path());
    model_ = models::load_model(io::ModelFolder::open(folder_.path()));
    tokenizer_.emplace(tokenizer::Tokenizer::load(folder_.path()));
    // Lengths around a block of the cache; some greedy, some not.
    for (unsigned i = 0; i < 9; ++i) {
      const int lengths[] = {3, 250, 255, 256, 20, 7, 300, 1, 41};
      prompts_.push_back({some_ids(lengths[i], i), {}});
      if (i % 3 == 1) prompts_.back().sampler = {.temperature = 1, .seed = i};
    }
  }

  Given given() const { return {*model_, *tokenizer_}; }

  testing::TempFolder folder_;
  ops::KernelsScope scope_{GetParam() ? ops::Kernels::own : ops::Kernels::mlx};
  std::unique_ptr<models::Model> model_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::vector<BatchPrompt> prompts_;
};

TEST_P(BatchTest, EachAnswerIsThatOfItsPromptAlone) {
  Ends ends{.max_tokens = 12};
  for (int32_t id = 0; id < 60; id += 2) ends.eos_ids.insert(id);  // texts end at different times
  const auto expected = alone(given(), prompts_, ends);
  EXPECT_TRUE(std::any_of(expected.begin(), expected.end(),
                          [](const auto& answer) { return answer.end == GenerateEnd::eos; }));
  EXPECT_TRUE(std::any_of(expected.begin(), expected.end(),
                          [](const auto& answer) { return answer.end == GenerateEnd::length; }));
  for (int size : {1, 2, 4, 9, 50}) {
    SCOPED_TRACE(size);
    expect_equal(batched(given(), prompts_, {size, ends}), expected);
  }
}

TEST_P(BatchTest, AStopTextEndsItsOwnTextAlone) {
  Ends ends{.max_tokens = 10};
  const auto whole = alone(given(), prompts_, ends);
  ASSERT_GE(whole[0].text.size(), 4u);
  ends.stop = {whole[0].text.substr(2, 2)};
  const auto expected = alone(given(), prompts_, ends);
  EXPECT_EQ(expected[0].end, GenerateEnd::stop_text);
  expect_equal(batched(given(), prompts_, {4, ends}), expected);
}

TEST_P(BatchTest, WithoutTokensOrPromptsThereIsNothing) {
  const auto none = batched(given(), prompts_, {4, {.max_tokens = 0}});
  ASSERT_EQ(none.size(), prompts_.size());
  EXPECT_TRUE(none[3].tokens.empty());
  EXPECT_EQ(none[3].end, GenerateEnd::length);
  EXPECT_TRUE(batched(given(), {}, {}).empty());
}

TEST_P(BatchTest, AnInterruptEndsWhatIsUnderWayAndBeginsNothing) {
  int asked = 0;
  BatchOptions options{3, {.max_tokens = 30}, [&] { return ++asked == 7; }};  // 2 readings, 5 steps
  const auto expected = alone(given(), prompts_, {.max_tokens = 6});
  const auto found = batched(given(), prompts_, options);
  ASSERT_EQ(found.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(found[i].tokens, expected[i].tokens);
    EXPECT_EQ(found[i].text, expected[i].text);
    EXPECT_EQ(found[i].end, GenerateEnd::interrupted);
  }
}

TEST_P(BatchTest, RefusesWhatItCannotDoBeforeItBegins) {
  const auto refused = [&](const char* what, BatchOptions options = {}) {
    testing::expect_error(
        [&] {
          generate_batch(*model_, *tokenizer_, prompts_, options,
                         [](size_t, const BatchAnswer&) { ADD_FAILURE() << "has begun"; });
        },
        what);
  };
  refused("`batch_size` must be 1 or above, found 0", {.batch_size = 0});
  prompts_[2].ids.clear();
  refused("prompt 3: the prompt is empty");
  prompts_[2].ids = {260};
  refused("prompt 3: the tokenizer gives token 260");
}

// A failure leaves all sessions as they were; one may be a copy of another.
TEST_P(BatchTest, ASharedStepIsThatOfEachSession) {
  Session first(*model_);
  first.prefill(some_ids(255, 1));
  Session copy = first, other(*model_);
  other.prefill(some_ids(10, 2));
  Session* const all[] = {&first, &copy, &other};
  testing::expect_error([&] { Session::step(all, Ids{3, 4, 260}); }, "token 260 is not one of");
  testing::expect_error([&] { Session::step(all, Ids{3, 4}); }, "texts of 2 sessions for 3");
  EXPECT_EQ(copy.tokens().size(), 255u);
  for (int32_t id : {3, 200, 17}) Session::step(all, Ids{id, id + 1, id + 2});
  const auto expect_as = [&](Session& session, Ids begin, int32_t more) {
    Session expected(*model_);
    expected.prefill(begin);
    for (int32_t id : {3, 200, 17}) expected.step(id + more);
    EXPECT_EQ(session.tokens(), expected.tokens());
    for (size_t i = 0; i < expected.logits().size(); ++i) {
      ASSERT_NEAR(session.logits()[i], expected.logits()[i], 1e-5) << i;
    }
  };
  expect_as(first, some_ids(255, 1), 0);
  expect_as(copy, some_ids(255, 1), 1);
  expect_as(other, some_ids(10, 2), 2);
}

// Of 1, 300, 400 and 2 tokens: passes of 512 end within a text, and at one's end.
TEST_P(BatchTest, TextsThatAreReadTogetherAreThoseOfEachAlone) {
  const std::vector<Ids> texts = {some_ids(1, 1), some_ids(300, 2), some_ids(400, 3),
                                  some_ids(323, 4), some_ids(2, 5)};
  const Ids before = some_ids(255, 6);
  std::vector<Session> sessions(texts.size(), Session(*model_));
  sessions[2].prefill(before);
  std::vector<Session*> all;
  for (Session& session : sessions) all.push_back(&session);
  Session::prefill(all, std::vector<std::span<const int32_t>>(texts.begin(), texts.end()));
  for (size_t i = 0; i < texts.size(); ++i) {
    SCOPED_TRACE(i);
    Session expected(*model_);
    if (i == 2) expected.prefill(before);
    expected.prefill(texts[i]);
    EXPECT_EQ(sessions[i].tokens(), expected.tokens());
    ASSERT_EQ(sessions[i].logits().size(), expected.logits().size());
    for (size_t j = 0; j < expected.logits().size(); ++j) {
      ASSERT_NEAR(sessions[i].logits()[j], expected.logits()[j], 1e-5) << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, BatchTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "kernels" : "mlx"; });

// In 4 bits as people have it.
TEST(SmolLM2Batch, GreedyAnswersAreThoseAlone) {
  const fs::path gguf = testing::source_folder() / "models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "the order of sums is MLX's";
  if (!fs::exists(gguf)) GTEST_SKIP() << gguf << " is not there: scripts/setup.sh model";
  testing::TempFolder folder;
  convert::convert({.hf_path = gguf, .mlx_path = folder / "model"});
  const auto model = models::load_model(io::ModelFolder::open(folder / "model"));
  const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(folder / "model");
  std::vector<BatchPrompt> prompts;
  for (const char* text :
       {"The capital of France is", "1, 2, 3, 4,",
        "table: people\ncolumns: Name, Age\nQ:", "Once upon a time", "SELECT name FROM",
        "Water boils at", "The three colours are", "def f(", "A", "In 1905 Einstein"}) {
    prompts.push_back({tokenizer.encode(text), {}});
  }
  for (int words : {40, 9, 64, 47}) {  // the last two are read together
    std::string text = "A list of words:";
    for (int i = 0; i < words; ++i) text += fmt::format(" {}", i * words % 97);
    prompts.insert(prompts.begin() + 2, {tokenizer.encode(text), {}});
  }
  const Ends ends{.max_tokens = 16};
  expect_equal(batched({*model, tokenizer}, prompts, {8, ends}),
               alone({*model, tokenizer}, prompts, ends));
}

}  // namespace
}  // namespace graft::generation
