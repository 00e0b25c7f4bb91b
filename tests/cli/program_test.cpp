// The program as a person or a script runs it: exit codes, what it prints, the files it leaves.

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include <fstream>
#include <regex>

#include "tests/cli/program_fixture.h"
#include "tests/support/tiny_model.h"

namespace graft::testing {
namespace {

using Program = ProgramTest;

TEST_F(Program, SaysItsVersion) { EXPECT_EQ(run({"--version"}).out, "graft " GRAFT_VERSION "\n"); }

TEST_F(Program, UnknownFlagsAndCommandsGetTheNearest) {
  expect_refused(run({"lora", "--trian"}), 2, "--trian; did you mean --train?");
  expect_refused(run({"lora", "--train", "--lora-layer", "4"}), 2, "did you mean --lora-layers?");
  expect_refused(run({"fues"}), 2, "did you mean fuse?");
  expect_refused(run({"lora", "--xyzzyq"}), 2, "see graft lora --help");
  expect_refused(run({}), 2, "graft --help");
}

TEST_F(Program, ValuesOutOfRangeAreUsageErrors) {
  expect_refused(run({"lora", "--train", "--iters", "0"}), 2, "--iters");
  expect_refused(run({"lora", "--train", "--iters", "ten"}), 2, "--iters");
  expect_refused(run({"lora", "--train", "--batch-size", "0"}), 2,
                 "0 is not a number of at least 1");
  expect_refused(run({"lora", "--train", "--learning-rate", "nan"}), 2, "--learning-rate");
  expect_refused(run({"lora", "--train", "--lora-scale", "inf"}), 2, "--lora-scale");
  expect_refused(run({"lora", "--train", "--lora-dropout", "nan"}), 2, "--lora-dropout");
  for (const char* share : {"--top-p", "--min-p"}) {
    for (const char* bad : {"nan", "-0.1", "1.1"}) {
      expect_refused(run({"generate", "--prompt", "a", share, bad}), 2,
                     std::string(bad) + " is not a number from 0 to 1");
    }
  }
  const std::map<std::string, std::map<std::string, std::vector<const char*>>> out_of_range = {
      {"lora",
       {{"--lora-layers", {"0", "-2", "x"}},
        {"--lora-rank", {"0", "4097"}},
        {"--lora-dropout", {"1", "-0.1"}},
        {"--learning-rate", {"-1", "inf"}},
        {"--max-seq-length", {"1", "16777217"}},
        {"--add-eos-token", {"2"}},
        {"--steps-per-report", {"0"}},
        {"--steps-per-eval", {"0", "1.5"}},
        {"--save-every", {"0", "99999999999"}},
        {"--max-tokens", {"0"}},
        {"--temp", {"-1", "nan"}},
        {"--seed", {"-1", "18446744073709551616"}},
        {"--threads", {"0", "x"}}}},
      {"generate",
       {{"--top-k", {"-1"}},
        {"--temp", {"inf"}},
        {"--repetition-penalty", {"0", "-1", "nan", "inf"}},
        {"--max-tokens", {"-5"}},
        {"--seed", {"x"}}}},
      {"convert", {{"--q-bits", {"7", "0", "4.5"}}, {"--q-group-size", {"16", "-64"}}}},
      {"fuse", {{"--fused-bits", {"3", "x"}}}}};
  for (const auto& [command, flags] : out_of_range) {
    for (const auto& [flag, values] : flags) {
      for (const char* value : values) {
        SCOPED_TRACE(command + " " + flag + " " + value);
        expect_refused(run({command, flag, value}), 2, flag);
      }
    }
  }
  expect_refused(run({"lora", "--train", "--val-batches", "0"}), 2, "or -1 for all");
  expect_refused(run({"lora", "--test", "--test-batches", "-2"}), 2, "or -1 for all");
  expect_refused(run({"convert", "--hf-path", "model", "--q-bits", "8"}), 2, "--quantize");
  expect_refused(run({"lora"}), 2, "nothing to do");
  expect_refused(run({"lora", "--test", "--resume-adapter-file", "a.npz"}), 2, "needs --train");
}

TEST_F(Program, TrainsAndReportsAsTheExampleDoes) {
  ProgramResult result = train();
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "Iter 1: Val loss [0-9.]+, Val took [0-9.]+s");
  expect_line(result.out, "Iter 10: Train loss [0-9.]+, It/sec [0-9.]+, Tokens/sec [0-9.]+");
  expect_line(result.out, "Iter 10: Val loss [0-9.]+, Val took [0-9.]+s");
  expect_line(result.out, "Iter 20: Saved adapter weights to adapters.npz.");
  expect_line(result.out,
              "Trainable: 0.002M parameters \\([0-9.]+%\\), LoRA rank 8, scale 20, 2 layers");
  EXPECT_NE(result.err.find("The model has 2 layers: all are adapted"), std::string::npos);
  EXPECT_LT(test_loss({"--model", "model"}),
            0.8 * test_loss({"--model", "model", "--adapter-file", "none"}));
}

TEST_F(Program, QuantizedModelTrainsToo) {
  ASSERT_EQ(
      run({"convert", "--hf-path", "model", "--mlx-path", "q", "-q", "--q-group-size", "32"}).code,
      0);
  ProgramResult result =
      run({"lora", "--model", "q", "--train", "--iters", "20", "--learning-rate", "5e-3"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("4 bits in groups of 32"), std::string::npos) << result.out;
  EXPECT_LT(test_loss({"--model", "q"}),
            0.8 * test_loss({"--model", "q", "--adapter-file", "none"}));
}

TEST_F(Program, AdapterIsNamedWhenItIsTakenUnasked) {
  train();
  ProgramResult result = run({"lora", "--model", "model", "--test"});
  EXPECT_NE(result.err.find("Using the adapter adapters.npz"), std::string::npos) << result.err;
  write_tiny_model(folder_ / "wide", 1, 64);
  expect_refused(run({"lora", "--model", "wide", "--test"}), 1, "--adapter-file none");
  EXPECT_EQ(run({"lora", "--model", "wide", "--test", "--adapter-file", "none"}).code, 0);
  expect_refused(run({"lora", "--model", "wide", "--test", "--adapter-file", "adapters.npz"}), 1,
                 "another model");
  expect_refused(run({"lora", "--model", "model", "--test", "--adapter-file", "no.npz"}), 1,
                 "no.npz");
}

TEST_F(Program, ResumeGoesOnWithTheAdaptersOwnSettings) {
  train({"--lora-rank", "4", "--lora-scale", "5"});
  ProgramResult result =
      train({"--resume-adapter-file", "adapters.npz", "--adapter-file", "b.npz"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("LoRA rank 4, scale 5"), std::string::npos) << result.out;
  expect_refused(train({"--resume-adapter-file", "adapters.npz", "--lora-rank", "16"}), 2,
                 "--lora-rank 16 differs from 4");
  EXPECT_LT(test_loss({"--model", "model", "--adapter-file", "b.npz"}),
            test_loss({"--model", "model"}));
}

TEST_F(Program, LayersAndKeysThatAreNotThereAreRefused) {
  expect_refused(train({"--lora-layers", "3"}), 2, "more than the model's 2 layers");
  expect_refused(train({"--lora-keys", "qproj"}), 2, "self_attn.q_proj");
  EXPECT_EQ(train({"--lora-layers", "-1", "--lora-keys", "q_proj,mlp.up_proj"}).code, 0);
}

TEST_F(Program, FusedModelLosesNothingAndAnswersTheSame) {
  train();
  ProgramResult fused = run({"fuse", "--model", "model", "--data", "data"});
  ASSERT_EQ(fused.code, 0) << fused.err;
  expect_line(fused.out, "Loss on data/test.jsonl: base [0-9.]+, adapted [0-9.]+, fused [0-9.]+");
  EXPECT_NEAR(test_loss({"--model", "lora_fused_model", "--adapter-file", "none"}),
              test_loss({"--model", "model"}), 0.002);
  auto answer = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"generate", "--prompt", "the number", "-m", "12"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ProgramResult result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  };
  EXPECT_EQ(answer({"--model", "lora_fused_model"}),
            answer({"--model", "model", "--adapter-file", "adapters.npz"}));
  EXPECT_NE(answer({"--model", "lora_fused_model"}), answer({"--model", "model"}));
}

TEST_F(Program, FusesIntoBitsOrDense) {
  run({"convert", "--hf-path", "model", "--mlx-path", "q", "-q", "--q-group-size", "32"});
  run({"lora", "--model", "q", "--train", "--iters", "20", "--learning-rate", "5e-3"});
  double adapted = test_loss({"--model", "q"});
  for (const char* bits : {"8", "none"}) {
    ASSERT_EQ(run({"fuse", "--model", "q", "--fused-bits", bits, "--max-loss-gap", "none"}).code,
              0);
    EXPECT_NEAR(test_loss({"--model", "lora_fused_model", "--adapter-file", "none"}), adapted, 0.05)
        << bits;
  }
  ASSERT_EQ(run({"fuse", "--model", "q", "--de-quantize"}).code, 0);
  EXPECT_EQ(read_bytes(folder_ / "lora_fused_model" / "config.json").find("quantization"),
            std::string::npos);
  EXPECT_EQ(run({"lora", "--test", "--model", "lora_fused_model", "--adapter-file", "none"}).code,
            0);
  EXPECT_EQ(run({"fuse", "--model", "q", "--check", "the number 1", "--max-loss-gap", "none"}).code,
            0);
}

TEST_F(Program, TrainsAndFusesWeightsInEveryMode) {
  for (const std::string mode : {"mxfp4", "mxfp8", "nvfp4"}) {
    ASSERT_EQ(
        run({"convert", "--hf-path", "model", "--mlx-path", mode, "-q", "--q-mode", mode}).code, 0);
    EXPECT_NE(run({"info", "--model", mode}).out.find(mode + ", "), std::string::npos);
    ASSERT_EQ(
        run({"lora", "--model", mode, "--train", "--iters", "20", "--learning-rate", "5e-3"}).code,
        0);
    const double adapted = test_loss({"--model", mode});
    EXPECT_LT(adapted, test_loss({"--model", mode, "--adapter-file", "none"}) - 0.1) << mode;
    // 4 bits may swallow some of the update.
    for (const auto& [flag, tolerance] : {std::pair("", 0.3), std::pair("--dequantize", 0.05)}) {
      std::vector<std::string> fuse = {"fuse", "--model", mode, "--max-loss-gap", "none"};
      if (*flag != 0) fuse.emplace_back(flag);
      ASSERT_EQ(run(fuse).code, 0);
      EXPECT_NEAR(test_loss({"--model", "lora_fused_model", "--adapter-file", "none"}), adapted,
                  tolerance)
          << mode << " " << flag;
    }
  }
}

TEST_F(Program, FuseNeverReplacesWhatIsNoModelOrItsOwnSource) {
  train();
  fs::create_directory(folder_ / "precious");
  write("precious/notes.txt", "x");
  expect_refused(run({"fuse", "--model", "model", "--save-path", "precious", "--force"}), 2,
                 "precious holds notes.txt");
  expect_refused(run({"fuse", "--model", "model", "--save-path", "model"}), 2, "--save-path");
  EXPECT_TRUE(fs::exists(folder_ / "precious" / "notes.txt"));
}

TEST_F(Program, NamesOnTheHubAreLookedForInItsCacheWhenOffline) {
  ::setenv("HF_HUB_OFFLINE", "1", 1);
  ::setenv("HF_HOME", folder_.path().c_str(), 1);
  const std::string name = "mistralai/Mistral-7B-v0.1";
  expect_refused(run({"convert", "--hf-path", name}), 1, name + " is not in");
  expect_refused(run({"lora", "--test", "--model", name}), 1, name + " is not in");
  // What the cache has is used like a folder.
  const std::string commit(40, 'a');
  const fs::path repository = folder_ / "hub" / "models--mistralai--Mistral-7B-v0.1";
  fs::create_directories(repository / "snapshots");
  fs::create_directories(repository / "refs");
  fs::copy(folder_ / "model", repository / "snapshots" / commit);
  write("hub/models--mistralai--Mistral-7B-v0.1/refs/main", commit);
  EXPECT_EQ(run({"info", "--model", name}).code, 0);
  EXPECT_EQ(run({"info", "--model", name + "@" + commit}).code, 0);
  expect_refused(run({"info", "--model", name + "@v1"}), 1, "is not in");
  ::unsetenv("HF_HUB_OFFLINE");
  ::unsetenv("HF_HOME");
}

TEST_F(Program, MissingModelOrDataIsNamedWithWhatWasLookedFor) {
  expect_refused(run({"lora", "--test", "--model", "nowhere"}), 1, "nowhere");
  expect_refused(run({"lora", "--test", "--model", "model", "--data", "empty"}), 1,
                 "there is no empty: data are a folder with train.jsonl");
  fs::create_directory(folder_ / "empty");
  expect_refused(run({"lora", "--test", "--model", "model", "--data", "empty"}), 1,
                 "empty: there is no test.jsonl");
}

TEST_F(Program, BadLinesOfADataSetAreNamedByFileAndLine) {
  struct Case {
    const char *line, *says;
  };
  for (const Case& c : std::vector<Case>{{"{\"text\": ", "not valid JSON"},
                                         {"[1]", "a JSON object is expected, not array"},
                                         {"7", "a JSON object is expected, not number"},
                                         {"{\"txt\": \"a\"}", "this one is not: its keys are txt"},
                                         {"{\"text\": 3}", "not a string but number"},
                                         {"{\"text\": \"a\xff\"}", "not valid UTF-8"}}) {
    write("data/test.jsonl", std::string("{\"text\": \"fine\"}\n\n") + c.line + "\n");
    ProgramResult result = run({"lora", "--test", "--model", "model"});
    expect_refused(result, 1, "data/test.jsonl:3: ");
    EXPECT_NE(result.err.find(c.says), std::string::npos) << result.err;
  }
  write("data/test.jsonl", "\n");
  expect_refused(run({"lora", "--test", "--model", "model"}), 1, "holds no records");
}

TEST_F(Program, LongExamplesAreCutWithOneWarning) {
  ProgramResult result = train({"--max-seq-length", "16"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(
      result.err.find("data/train.jsonl: 12 of 12 examples are longer than --max-seq-length 16"),
      std::string::npos)
      << result.err;
}

TEST_F(Program, EosCountsInTheLossUnlessAskedNot) {
  EXPECT_NE(test_loss({"--model", "model"}),
            test_loss({"--model", "model", "--add-eos-token", "0"}));
}

TEST_F(Program, GenerateStreamsToAPipeAndReportsOnStandardError) {
  ProgramResult result =
      run({"generate", "--model", "model", "--prompt", "-", "-m", "5", "--temp", "1", "--top-p",
           "0.9", "--top-k", "50", "--min-p", "0.01", "--repetition-penalty", "1.1", "--seed", "3"},
          {.input = "the number"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.err, R"(Prompt: 8 tokens, \d+\.\d tokens/s)");
  expect_line(result.err, R"(Generation: [1-5] tokens, \d+\.\d tokens/s)");
  expect_line(result.err, R"(Peak memory: \d+\.\d\d GB)");
  expect_refused(run({"generate", "--model", "model", "--prompt", ""}), 1, "prompt is empty");
  expect_refused(run({"generate", "--model", "model"}), 2, "--prompt");
}

TEST_F(Program, GenerateAppliesTheChatTemplate) {
  const auto text = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"generate", "--model", "model", "-m", "6", "--prompt"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  const std::string raw = text({"the number"}).out;
  expect_refused(text({"the number", "--system", "be brief"}), 1, "--system needs a chat template");
  write_bytes(
      folder_ / "model" / "chat_template.jinja",
      "{% for m in messages %}{{ m.content }}{% if m.role == 'user' and add_generation_prompt "
      "%} number{% endif %}{% endfor %}");
  const ProgramResult chat = text({"the"});
  EXPECT_EQ(chat.out, raw);
  EXPECT_NE(chat.err.find("Using the model's chat template"), std::string::npos) << chat.err;
  EXPECT_EQ(text({"e", "--system", "th"}).out, raw);
  const ProgramResult ignored = text({"the number", "--ignore-chat-template"});
  EXPECT_EQ(ignored.out, raw);
  EXPECT_EQ(ignored.err.find("chat template"), std::string::npos) << ignored.err;
  expect_refused(text({"a", "--system", "b", "--ignore-chat-template"}), 2, "--system");
  write_bytes(folder_ / "model" / "chat_template.jinja", "{% if %}");
  expect_refused(text({"the"}), 1, "chat_template.jinja: line 1, column 7");
}

TEST_F(Program, GenerateProfilesTheTokensAfterThePrompt) {
  ProgramResult result =
      run({"generate", "--model", "model", "--prompt", "the number", "-m", "4", "--profile"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.err, "Where the time after the prompt went:");
  expect_line(result.err, R"(sampling +\d+ .*%)");
  expect_line(result.err, R"(rest +\d+ .*%)");
  expect_line(result.err, R"(total .*100\.0%)");
  EXPECT_EQ(run({"generate", "--model", "model", "--prompt", "the number", "-m", "4"})
                .err.find("Where the time"),
            std::string::npos);
}

TEST_F(Program, GenerateEndsBeforeAStopText) {
  auto text = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"generate", "--model", "model", "-p", "the", "-m", "12"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all).out;
  };
  std::string whole = text({});
  ASSERT_GT(whole.size(), 4u);
  std::string stop = whole.substr(2, 1);
  EXPECT_EQ(text({"--stop", stop}), whole.substr(0, whole.find(stop)) + "\n");
}

TEST_F(Program, LoraPromptEchoesAndContinues) {
  ProgramResult result =
      run({"lora", "--model", "model", "-p", "the number", "-m", "5", "--temp", "0"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("the number")) << result.out;
  ProgramResult alone = run({"generate", "--model", "model", "-p", "the number", "-m", "5"});
  EXPECT_EQ(result.out, "the number" + alone.out);
}

TEST_F(Program, CtrlCSavesTheAdapterAndSaysHowToGoOn) {
  bool sent = false;
  ProgramOptions options;
  options.watch = [&](pid_t process, const std::string& out) {
    if (sent || out.find("Iter 10: Train") == std::string::npos) return;
    ::kill(process, SIGINT);
    sent = true;
  };
  ProgramResult result =
      run({"lora", "--model", "model", "--train", "--iters", "1000000", "--save-every", "1000000"},
          options);
  EXPECT_EQ(result.code, 130);
  EXPECT_NE(result.err.find("graft lora --resume adapters.npz"), std::string::npos) << result.err;
  expect_line(result.out, "Iter [0-9]+: Saved adapter weights to adapters.npz.");
  EXPECT_EQ(train({"--resume-adapter-file", "adapters.npz"}).code, 0);
}

TEST_F(Program, ALossThatIsNotFiniteNamesIterationAndExample) {
  ProgramResult result = train({"--learning-rate", "3e38"});
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(std::regex_search(result.err, std::regex("iteration [0-9]+: .*train.jsonl:[0-9]+")))
      << result.err;
  EXPECT_FALSE(fs::exists(folder_ / "adapters.npz"));
}

TEST_F(Program, TestSetIsReadBeforeTheTraining) {
  fs::remove(folder_ / "data" / "test.jsonl");
  ProgramResult result = train({"--test"});
  expect_refused(result, 1, "test.jsonl");
  EXPECT_EQ(result.out.find("Iter"), std::string::npos) << result.out;
}

TEST_F(Program, CtrlCDuringTheFirstValidationSavesNothing) {
  std::ofstream(folder_ / "data" / "valid.jsonl") << [] {
    std::string lines;
    for (int i = 0; i < 200000; ++i) lines += "{\"text\": \"the number\"}\n";
    return lines;
  }();
  bool sent = false;
  ProgramOptions options;
  options.watch = [&](pid_t process, const std::string& out) {
    if (sent || out.find("Starting training") == std::string::npos) return;
    ::kill(process, SIGINT);
    sent = true;
  };
  ProgramResult result = run(
      {"lora", "--model", "model", "--train", "--val-batches", "-1", "--batch-size", "1"}, options);
  EXPECT_EQ(result.code, 130);
  EXPECT_NE(result.err.find("nothing was saved"), std::string::npos) << result.err;
  EXPECT_FALSE(fs::exists(folder_ / "adapters.npz"));
}

TEST_F(Program, AdapterThatCannotBeWrittenLeavesTheEarlierOne) {
  train();
  std::string earlier = read_bytes(folder_ / "adapters.npz");
  expect_refused(train({"--adapter-file", "no/such/adapters.npz"}), 2, "no/such");
  fs::create_directory(folder_ / "taken.npz");
  ProgramResult result = train({"--adapter-file", "taken.npz"});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.err.find("cannot write taken.npz"), std::string::npos) << result.err;
  EXPECT_EQ(read_bytes(folder_ / "adapters.npz"), earlier);
}

// The whole job on MLX's own operations, as on Metal or CUDA.
TEST_F(Program, PortableFormTrainsFusesAndGenerates) {
  ProgramOptions mlx{.environment = {"GRAFT_KERNELS=mlx"}};
  std::vector<std::string> train_arguments = {"lora",    "--model", "model",           "--train",
                                              "--iters", "10",      "--learning-rate", "5e-3"};
  ProgramResult portable = run(train_arguments, mlx);
  ASSERT_EQ(portable.code, 0) << portable.err;
  EXPECT_EQ(run({"fuse", "--model", "model"}, mlx).code, 0);
  ProgramResult text =
      run({"generate", "--model", "lora_fused_model", "-p", "the", "-m", "8"}, mlx);
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_EQ(run({"generate", "--model", "lora_fused_model", "-p", "the", "-m", "8"}).out, text.out);
  // The same run on our kernels goes the same way.
  ProgramResult kernels = run(train_arguments);
  auto loss = [](const std::string& out) {
    std::smatch match;
    std::regex_search(out, match, std::regex("Iter 10: Train loss ([0-9.]+)"));
    return std::stod(match[1]);
  };
  EXPECT_NEAR(loss(kernels.out), loss(portable.out), 0.002);
}

}  // namespace
}  // namespace graft::testing
