#include "graft/data/dataset.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_bytes;
using Ids = std::vector<int32_t>;

tokenizer::Tokenizer fixture(const char* kind) {
  return tokenizer::Tokenizer::load(testing::tokenizer_fixture(kind));
}

std::vector<Ids> ids_of(const Dataset& set) {
  std::vector<Ids> all;
  for (const Example& example : set.examples) all.push_back(example.ids);
  return all;
}

// A folder with a train.jsonl, and the tokenizer that has <|im_end|> for its EOS.
class LoadDataset : public ::testing::Test {
 protected:
  void write(std::string_view lines) { write_bytes(folder_ / "train.jsonl", lines); }

  Dataset load(const RenderOptions& options) {
    return load_dataset(folder_.path(), "train", tokenizer_, options);
  }

  Ids encode(std::string_view text) { return tokenizer_.encode(text); }
  Ids ended(std::string_view text) {
    Ids ids = encode(text);
    ids.push_back(tokenizer_.eos_id().value());
    return ids;
  }

  TempFolder folder_;
  tokenizer::Tokenizer tokenizer_ = fixture("smollm");
};

TEST_F(LoadDataset, EndsEveryExampleWithOneEos) {
  write(R"({"text": "the cat"}
{"text": "the dog<|im_end|>"}
{"text": "<|im_end|> the end"}
)");
  Dataset set = load({.add_eos = true});
  EXPECT_EQ(ids_of(set), (std::vector<Ids>{ended("the cat"), encode("the dog<|im_end|>"),
                                           ended("<|im_end|> the end")}));
  EXPECT_EQ(set.examples[1].ids.back(), tokenizer_.eos_id());
}

TEST_F(LoadDataset, AddsNoEosUnlessAsked) {
  write(R"({"text": "the cat"})");
  EXPECT_EQ(ids_of(load({})), std::vector<Ids>{encode("the cat")});
}

TEST_F(LoadDataset, BeginsExamplesAsThePostProcessorDoes) {
  tokenizer_ = fixture("llama3");
  write(R"({"text": "the cat"})");
  Ids ids = load({.add_eos = true}).examples.at(0).ids;
  EXPECT_EQ(ids, ended("the cat"));
  EXPECT_EQ(ids[0], tokenizer_.token_id("<|begin|>"));
  EXPECT_NE(ids[1], ids[0]);
}

TEST_F(LoadDataset, WithoutAnEosInTheTokenizerNoneCanBeAdded) {
  fs::copy(testing::tokenizer_fixture("gpt2") / "tokenizer.json", folder_.path());
  tokenizer_ = tokenizer::Tokenizer::load(folder_.path());
  write(R"({"text": "the cat"})");
  expect_error([&] { load({.add_eos = true}); }, {"eos_token", "`add_eos`"});
  EXPECT_EQ(ids_of(load({})), std::vector<Ids>{encode("the cat")});
}

TEST_F(LoadDataset, CutsLongExamplesAndCountsThem) {
  write(R"({"text": "a b c d e f"}
{"text": "a b"}
{"text": "g h i j k l m"}
)");
  RenderOptions options{.add_eos = true, .max_seq_length = 4};
  Dataset set = load(options);
  EXPECT_EQ(set.truncated, 2);
  EXPECT_EQ(set.examples[1].ids, ended("a b"));
  // The EOS of what is cut goes too: the text does not end there.
  Ids whole = encode("a b c d e f");
  EXPECT_EQ(set.examples[0].ids, Ids(whole.begin(), whole.begin() + 4));
  EXPECT_EQ(set.longest(), 4);
  EXPECT_EQ(set.tokens(), 4 + std::ssize(ended("a b")) + 4);
}

TEST_F(LoadDataset, ExampleOfTheGreatestLengthIsNotCut) {
  write(R"({"text": "a b c d e f"})");
  int length = static_cast<int>(ended("a b c d e f").size());
  RenderOptions options{.add_eos = true, .max_seq_length = length};
  EXPECT_EQ(load(options).truncated, 0);
  EXPECT_EQ(ids_of(load(options)), std::vector<Ids>{ended("a b c d e f")});
}

TEST_F(LoadDataset, LeavesOutWhatHasNothingToPredict) {
  write(R"({"text": ""}
{"text": "a"}
{"text": "a b"}
{"text": ""}
)");
  Dataset set = load({.add_eos = true});
  EXPECT_EQ(ids_of(set), (std::vector<Ids>{ended("a"), ended("a b")}));
  EXPECT_EQ(set.examples[0].line, 2);
  EXPECT_EQ(set.examples[1].line, 3);
  EXPECT_EQ(set.too_short, 2);
}

TEST_F(LoadDataset, ASetOfNothingToPredictIsAnError) {
  write(R"({"text": ""}
{"text": "a"}
)");
  EXPECT_EQ(encode("a").size(), 1u);
  expect_error([&] { load({}); }, {"train.jsonl", "no example of at least 2 tokens"});
  EXPECT_EQ(load({.add_eos = true}).examples.size(), 1u);
}

TEST_F(LoadDataset, ATokenThatTheModelHasNoWordForIsNamed) {
  write(R"({"text": "a<|im_end|>b"}

{"text": "a<|im_end|>c"}
)");
  RenderOptions options{.vocab_size = encode("c").at(0)};
  EXPECT_LT(encode("b").at(0), options.vocab_size);
  expect_error([&] { load(options); }, {"train.jsonl:3: ", "(c)"});
  ++options.vocab_size;
  EXPECT_EQ(load(options).examples.size(), 2u);
}

}  // namespace
}  // namespace graft::data
