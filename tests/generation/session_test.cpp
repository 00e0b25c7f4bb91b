#include "graft/generation/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <random>
#include <thread>

#include "graft/base/threads.h"
#include "graft/generation/generate.h"
#include "graft/models/registry.h"
#include "graft/ops/backend.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::generation {
namespace {

using Ids = std::vector<int32_t>;
using Logits = std::vector<float>;

Ids random_ids(int count, unsigned seed) {
  std::mt19937 random(seed);
  Ids ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % 260);
  return ids;
}

Logits copied(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

// On our kernels or on MLX's operations.
class SessionTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !ops::has_cpu_kernels()) GTEST_SKIP() << "built without kernels";
    testing::write_tiny_model(folder_.path());
    model_ = models::load_model(io::ModelFolder::open(folder_.path()));
  }

  // Feeds a text in pieces; the logits after each.
  std::vector<Logits> feed(const std::vector<Ids>& pieces) const {
    Session session(*model_);
    std::vector<Logits> all;
    for (const Ids& piece : pieces) all.push_back(copied(session.prefill(piece)));
    return all;
  }

  static ops::Kernels kernels() { return GetParam() ? ops::Kernels::own : ops::Kernels::mlx; }

  testing::TempFolder folder_;
  ops::KernelsScope scope_{kernels()};
  std::unique_ptr<models::Model> model_;
};

TEST_P(SessionTest, KnowsWhatItHasSeen) {
  Session session(*model_);
  const Ids text = random_ids(20, 1);
  session.prefill(text);
  session.step(7);
  Ids expected = text;
  expected.push_back(7);
  EXPECT_EQ(session.tokens(), expected);
}

TEST_P(SessionTest, ARefusedTokenLeavesItAsItWas) {
  Session session(*model_);
  session.prefill(random_ids(10, 1));
  const Logits expected = feed({random_ids(10, 1), {5}})[1];
  testing::expect_error([&] { session.prefill({}); }, "no token to continue");
  testing::expect_error([&] { session.prefill(Ids{3, 260}); }, "token 260 is not one of");
  testing::expect_error([&] { session.step(-1); }, "token -1 is not one of");
  EXPECT_EQ(session.tokens().size(), 10u);
  EXPECT_EQ(copied(session.step(5)), expected);
}

// Two of one process give, to the bit, what each gives alone: turn by turn, and on two threads.
TEST_P(SessionTest, TwoGiveWhatEachGivesAlone) {
  const std::vector<Ids> one = {random_ids(300, 1), {4}, random_ids(20, 2), {9}, {1}};
  const std::vector<Ids> two = {random_ids(40, 3), random_ids(270, 4), {8}, {3}, {200}};
  const auto alone_one = feed(one), alone_two = feed(two);

  Session first(*model_), second(*model_);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(copied(first.prefill(one[i])), alone_one[i]) << i;
    EXPECT_EQ(copied(second.prefill(two[i])), alone_two[i]) << i;
  }

  for (int round = 0; round < 10; ++round) {
    std::vector<Logits> found_one, found_two;
    const auto run = [&](const std::vector<Ids>& pieces, std::vector<Logits>& found) {
      return std::thread([&] {
        const ops::KernelsScope scope(kernels());
        found = feed(pieces);
      });
    };
    std::thread a = run(one, found_one), b = run(two, found_two);
    a.join();
    b.join();
    ASSERT_EQ(found_one, alone_one);
    ASSERT_EQ(found_two, alone_two);
  }
}

TEST_P(SessionTest, ACopyGoesOnFromTheSameText) {
  const Ids shared = random_ids(400, 5);
  const Ids tail_one = random_ids(200, 6), tail_two = random_ids(150, 7);
  const Logits expected_one = feed({shared, tail_one})[1],
               expected_two = feed({shared, tail_two})[1];
  Session session(*model_);
  session.prefill(shared);
  Session copy = session;
  EXPECT_EQ(copied(session.prefill(tail_one)), expected_one);
  EXPECT_EQ(copied(copy.prefill(tail_two)), expected_two);

  // At the same time too.
  for (int round = 0; round < 10; ++round) {
    Session base(*model_);
    base.prefill(shared);
    Session other = base;
    Logits found;
    std::thread thread([&] {
      const ops::KernelsScope scope(kernels());
      found = copied(other.prefill(tail_two));
    });
    EXPECT_EQ(copied(base.prefill(tail_one)), expected_one);
    thread.join();
    EXPECT_EQ(found, expected_two);
  }
}

TEST_P(SessionTest, GoesBackAndOnAnotherWay) {
  const Ids begin = random_ids(300, 8), wrong = random_ids(300, 9), right = random_ids(30, 10);
  const Logits expected = feed({begin, right})[1];
  Session session(*model_);
  session.prefill(begin);
  session.prefill(wrong);
  session.rewind(begin.size());
  EXPECT_EQ(session.tokens(), begin);
  EXPECT_EQ(copied(session.prefill(right)), expected);
  testing::expect_error([&] { session.rewind(331); }, "has no first 331");
}

TEST_P(SessionTest, GenerationGoesOnBehindIt) {
  const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(folder_.path());
  const Ids begin = random_ids(30, 11), more = random_ids(12, 12);
  Ids whole = begin;
  whole.insert(whole.end(), more.begin(), more.end());
  const GenerateOptions options{15, {}, {}, {}};
  Session session(*model_);
  session.prefill(begin);
  const GenerateResult behind = generate(session, tokenizer, more, options);
  const GenerateResult at_once = generate(*model_, tokenizer, whole, options);
  EXPECT_EQ(behind.tokens, at_once.tokens);
  EXPECT_EQ(behind.end, GenerateEnd::length);
  whole.insert(whole.end(), at_once.tokens.begin(), at_once.tokens.end());
  EXPECT_EQ(session.tokens(), whole);
  const Logits next = copied(session.step(3)), expected = feed({whole, {3}})[1];
  for (size_t i = 0; i < next.size(); ++i) EXPECT_NEAR(next[i], expected[i], 1e-4) << i;
}

// A model that cannot go on, say for want of memory, leaves a session as it was.
TEST_P(SessionTest, AFailureLeavesItAsItWas) {
  class Failing final : public models::Model {
   public:
    explicit Failing(models::Model& model) : model_(model) { dtype_ = model.dtype(); }
    int num_layers() const override { return model_.num_layers(); }
    int vocab_size() const override { return model_.vocab_size(); }
    models::Hidden embed(const mlx::core::array& ids,
                         const models::Dropout& dropout) const override {
      return model_.embed(ids, dropout);
    }
    models::Hidden layer(int index, const models::Hidden& hidden,
                         const models::Context& context) const override {
      if (--left == 0) throw std::bad_alloc();
      return model_.layer(index, hidden, context);
    }
    mlx::core::array norm(const models::Hidden& hidden) const override {
      return model_.norm(hidden);
    }
    void untie_head() override { model_.untie_head(); }
    ops::Head head(const mlx::core::array& h, const models::Dropout& dropout) const override {
      return model_.head(h, dropout);
    }
    std::vector<ops::RopeTable> rope_tables(const std::vector<Sequence>& s) const override {
      return model_.rope_tables(s);
    }
    std::vector<models::Part> parts() override { return model_.parts(); }
    std::vector<std::string> default_lora_keys() const override { return {}; }
    mutable int left = -1;

   private:
    models::Model& model_;
  };
  const Ids begin = random_ids(100, 13), more = random_ids(700, 14);
  const Logits expected = feed({begin, more})[1];
  Failing model(*model_);
  Session session(model);
  session.prefill(begin);
  model.left = 4;  // the second chunk's second layer
  EXPECT_THROW(session.prefill(more), std::bad_alloc);
  EXPECT_EQ(session.tokens(), begin);
  EXPECT_EQ(copied(session.prefill(more)), expected);
  const Ids own(session.tokens().begin(), session.tokens().end());
  session.prefill(session.tokens());  // its own text again
  EXPECT_EQ(session.tokens().size(), 2 * own.size());
}

TEST_P(SessionTest, GenerationSaysWhyItEnds) {
  const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(folder_.path());
  const Ids prompt = random_ids(30, 11);
  GenerateOptions options{15, {}, {}, {}};
  const GenerateResult whole = generate(*model_, tokenizer, prompt, options);
  ASSERT_EQ(whole.tokens.size(), 15u);

  options.eos_ids = {whole.tokens[4]};
  EXPECT_EQ(generate(*model_, tokenizer, prompt, options).end, GenerateEnd::eos);
  options.eos_ids = {};
  int tokens = 0;
  options.interrupted = [&] { return ++tokens == 3; };
  const GenerateResult broken = generate(*model_, tokenizer, prompt, options);
  EXPECT_EQ(broken.end, GenerateEnd::interrupted);
  EXPECT_EQ(broken.tokens, Ids(whole.tokens.begin(), whole.tokens.begin() + 3));
  options.interrupted = {};
  std::string text;
  generate(*model_, tokenizer, prompt, options, [&](std::string_view part) { text += part; });
  ASSERT_GE(text.size(), 3u);
  options.stop = {text.substr(1, 2)};
  EXPECT_EQ(generate(*model_, tokenizer, prompt, options).end, GenerateEnd::stop_text);
}

INSTANTIATE_TEST_SUITE_P(Forms, SessionTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "kernels" : "mlx"; });

}  // namespace
}  // namespace graft::generation
