// What the numbers that `graft lora` takes do to a run.

#include <gtest/gtest.h>

#include <csignal>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

using Iterations = std::vector<int>;

// Those of which a line "Iter N: <what> ..." tells.
Iterations told(const std::string& out, const std::string& what) {
  Iterations found;
  std::regex line("Iter ([0-9]+): " + what + " ");
  for (std::sregex_iterator match(out.begin(), out.end(), line), end; match != end; ++match) {
    found.push_back(std::stoi((*match)[1]));
  }
  return found;
}

class LoraOptions : public ProgramTest {
 protected:
  static double number(const std::string& out, const std::string& pattern) {
    std::smatch match;
    if (std::regex_search(out, match, std::regex(pattern))) return std::stod(match[1]);
    ADD_FAILURE() << "no " << pattern << " in:\n" << out;
    return 0;
  }

  // The tokens that an iteration trained on, as the mean over an epoch of `iterations`.
  double tokens_of_iteration(int batch_size, int iterations) {
    std::string steps = std::to_string(iterations);
    ProgramResult result = train({"--batch-size", std::to_string(batch_size), "--iters", steps,
                                  "--steps-per-report", steps});
    EXPECT_EQ(result.code, 0) << result.err;
    return number(result.out, "Tokens/sec ([0-9.]+)") / number(result.out, "It/sec ([0-9.]+)");
  }

  std::string adapter(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--iters", "5", "--adapter-file", "seeded.npz"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    EXPECT_EQ(train(arguments).code, 0);
    return read_bytes(folder_ / "seeded.npz");
  }

  // `batches` batches of 4 examples, each batch of other texts.
  static std::string lines(int batches) {
    std::string all;
    for (int i = 0; i < 4 * batches; ++i) {
      all += R"({"text": ")" + std::string(20, static_cast<char>('a' + i / 4)) + "\"}\n";
    }
    return all;
  }
};

TEST_F(LoraOptions, SaveEverySavesThenAndAtTheEndOnce) {
  EXPECT_EQ(told(train({"--iters", "12", "--save-every", "5"}).out, "Saved"),
            (Iterations{5, 10, 12}));
  EXPECT_EQ(told(train({"--iters", "10", "--save-every", "5"}).out, "Saved"), (Iterations{5, 10}));
  EXPECT_EQ(told(train({"--iters", "3", "--save-every", "5"}).out, "Saved"), (Iterations{3}));
}

// Killed, so that nothing at the end of the run can write it.
TEST_F(LoraOptions, SavedAdapterIsThatOfItsIteration) {
  ProgramOptions options;
  options.watch = [](pid_t process, const std::string& out) {
    if (!told(out, "Saved").empty()) ::kill(process, SIGKILL);
  };
  ProgramResult killed =
      train({"--iters", "5000", "--save-every", "150", "--adapter-file", "killed.npz"}, options);
  ASSERT_EQ(killed.code, 128 + SIGKILL) << killed.err;
  std::string last = std::to_string(told(killed.out, "Saved").back());
  ASSERT_EQ(train({"--iters", last, "--adapter-file", "whole.npz"}).code, 0);
  EXPECT_TRUE(read_bytes(folder_ / "killed.npz") == read_bytes(folder_ / "whole.npz")) << last;
}

TEST_F(LoraOptions, StepsPerReportAndPerEvalSayWhen) {
  ProgramResult result =
      train({"--iters", "9", "--steps-per-report", "4", "--steps-per-eval", "3"});
  EXPECT_EQ(told(result.out, "Train loss"), (Iterations{4, 8}));
  EXPECT_EQ(told(result.out, "Val loss"), (Iterations{1, 3, 6, 9}));
}

// The report is of the iterations since the one before, not of all.
TEST_F(LoraOptions, ReportIsTheMeanOfItsOwnIterations) {
  std::vector<double> each;
  std::string one = train({"--iters", "4", "--steps-per-report", "1"}).out;
  for (int i = 1; i <= 4; ++i) {
    each.push_back(number(one, "Iter " + std::to_string(i) + ": Train loss ([0-9.]+)"));
  }
  std::string two = train({"--iters", "4", "--steps-per-report", "2"}).out;
  EXPECT_NEAR(number(two, "Iter 2: Train loss ([0-9.]+)"), (each[0] + each[1]) / 2, 0.0011);
  EXPECT_NEAR(number(two, "Iter 4: Train loss ([0-9.]+)"), (each[2] + each[3]) / 2, 0.0011);
}

TEST_F(LoraOptions, BatchSizeIsTheExamplesOfAnIteration) {
  std::string out = train({"--iters", "1"}).out;
  double examples = number(out, "train.jsonl: ([0-9]+) examples");
  ASSERT_EQ(examples, 12);
  // The first token of an example is not predicted.
  double trained = number(out, "train.jsonl: [0-9]+ examples, ([0-9]+) tokens") - examples;
  EXPECT_NEAR(tokens_of_iteration(1, 12), trained / 12, 0.005 * trained);
  EXPECT_NEAR(tokens_of_iteration(4, 3), trained / 3, 0.005 * trained);
}

TEST_F(LoraOptions, SetSmallerThanABatchIsOneBatch) {
  double all = tokens_of_iteration(12, 1);
  EXPECT_NEAR(tokens_of_iteration(50, 4), all, 0.005 * all);
}

TEST_F(LoraOptions, SeedDecidesTheBytesOfTheAdapter) {
  std::string seven = adapter({"--seed", "7"});
  EXPECT_TRUE(adapter({"--seed", "7"}) == seven);
  EXPECT_FALSE(adapter({"--seed", "8"}) == seven);
  EXPECT_TRUE(adapter({"--seed", "0"}) == adapter({}));
}

TEST_F(LoraOptions, ValBatchesAreTheFirstOfTheSet) {
  auto loss = [&](const char* batches) {
    return number(train({"--iters", "1", "--val-batches", batches}).out,
                  "Iter 1: Val loss ([0-9.]+)");
  };
  write("data/valid.jsonl", lines(3));
  double one = loss("1"), two = loss("2"), all = loss("-1");
  EXPECT_NE(one, two);
  EXPECT_NE(two, all);
  EXPECT_EQ(loss("25"), all);
  write("data/valid.jsonl", lines(1));
  EXPECT_EQ(loss("-1"), one);
  write("data/valid.jsonl", lines(2));
  EXPECT_EQ(loss("-1"), two);
}

TEST_F(LoraOptions, TestBatchesAreTheFirstOfTheSet) {
  auto loss = [&](const char* batches) {
    return test_loss({"--model", "model", "--test-batches", batches});
  };
  write("data/test.jsonl", lines(3));
  double one = loss("1"), all = loss("-1");
  EXPECT_NE(one, all);
  EXPECT_EQ(loss("500"), all);
  write("data/test.jsonl", lines(1));
  EXPECT_EQ(loss("-1"), one);
}

TEST_F(LoraOptions, MaxSeqLengthWarnsOfWhatItCutsAlone) {
  // 20 letters and the EOS make 21 tokens.
  std::string longer = R"({"text": ")" + std::string(30, 'z') + "\"}\n";
  for (const char* split : {"train", "valid", "test"}) {
    write((std::string("data/") + split + ".jsonl").c_str(), lines(3));
  }
  ProgramResult fits = train({"--max-seq-length", "21"});
  ASSERT_EQ(fits.code, 0) << fits.err;
  EXPECT_EQ(fits.err.find("warning"), std::string::npos) << fits.err;

  write("data/train.jsonl", lines(3) + longer + longer);
  ProgramResult cut = train({"--max-seq-length", "21", "--test"});
  ASSERT_EQ(cut.code, 0) << cut.err;
  expect_line(cut.err,
              "warning: data/train.jsonl: 2 of 14 examples are longer than --max-seq-length 21 "
              "and are cut to it");
  EXPECT_EQ(cut.err.find("warning"), cut.err.rfind("warning")) << cut.err;
  EXPECT_EQ(number(cut.out, "train.jsonl: .* longest ([0-9]+)"), 21);

  write("data/test.jsonl", longer + lines(3));
  ProgramResult test =
      run({"lora", "--model", "model", "--test", "--max-seq-length", "21", "--data", "data"});
  ASSERT_EQ(test.code, 0) << test.err;
  expect_line(test.err, "warning: data/test.jsonl: 1 of 13 examples are longer .*");
}

TEST_F(LoraOptions, EpochsSayHowLong) {
  write("data/train.jsonl", lines(7));
  const ProgramResult result = train({"--epochs", "1.5", "--batch-size", "2"});
  ASSERT_EQ(result.code, 2);  // the fixture's --iters is there
  const ProgramResult alone = run({"lora", "--model", "model", "--data", "data", "--train",
                                   "--epochs", "1.5", "--batch-size", "2"});
  ASSERT_EQ(alone.code, 0) << alone.err;
  const int examples = static_cast<int>(number(alone.out, "train.jsonl: ([0-9]+) examples"));
  expect_line(alone.out, "Starting training, iterations: " +
                             std::to_string((3 * ((examples + 1) / 2) + 1) / 2));
}

TEST_F(LoraOptions, PatienceEndsATrainingThatGetsNoBetter) {
  const ProgramResult result = train(
      {"--learning-rate", "0", "--steps-per-eval", "2", "--patience", "3", "--iters", "1000"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.err,
              "3 validations without improvement: the training ends. The best is in .*");
  EXPECT_EQ(result.out.find("Iter 8: "), std::string::npos) << result.out;
  expect_line(result.out, "Iter 6: Saved adapter weights to adapters.npz.");
}

TEST_F(LoraOptions, OptimizersAndSchedulesAreNamedInErrors) {
  expect_refused(train({"--optimizer", "adamm"}), 2, "adafactor");
  expect_refused(train({"--schedule", "cosin"}), 2, "wsd");
  expect_refused(train({"--optimizer", "sgd", "--beta1", "0.5"}), 2, "beta1");
  expect_refused(train({"--warmup", "100000"}), 2, "warmup");
  expect_refused(train({"--schedule", "step"}), 2, "decay");
  expect_refused(train({"--min-lr", "1", "--schedule", "cosine"}), 2, "min");
  expect_refused(train({"--epochs", "0"}), 2, "--epochs");
  const ProgramResult cut = train({"--schedule", "cosine", "--schedule-iters", "1000"});
  ASSERT_EQ(cut.code, 0) << cut.err;
  EXPECT_NE(cut.err.find("1000"), std::string::npos) << cut.err;
}

}  // namespace
}  // namespace graft::testing
