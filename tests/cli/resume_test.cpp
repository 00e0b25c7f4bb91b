// `graft lora --resume`: a training that goes on where it was stopped.

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <csignal>

#include "graft/base/json_types.h"
#include "graft/ops/backend.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class ResumeCommand : public ProgramTest {
 protected:
  std::vector<std::string> command(const std::string& adapter) {
    return {"lora",
            "--model",
            "model",
            "--data",
            "data",
            "--train",
            "--iters",
            "24",
            "--batch-size",
            "2",
            "--save-every",
            "5",
            "--steps-per-eval",
            "7",
            "--steps-per-report",
            "4",
            "--lora-dropout",
            "0.2",
            "--adapter-file",
            adapter};
  }

  // Stops it after an iteration.
  void stop(const std::string& adapter, int iteration, int signal) {
    ProgramOptions options;
    bool sent = false;
    options.watch = [&, wanted = fmt::format("Iter {}: ", iteration)](pid_t process,
                                                                      const std::string& out) {
      if (sent || out.find(wanted) == std::string::npos) return;
      ::kill(process, signal);
      sent = true;
    };
    run(command(adapter), options);
  }

  std::string bytes(const std::string& name) { return read_bytes(folder_ / name); }
};

TEST_F(ResumeCommand, GoesOnToTheBytesOfARunThatWasNeverStopped) {
  ASSERT_EQ(run(command("whole.npz")).code, 0);
  stop("a.npz", 12, SIGINT);
  const ProgramResult result = run({"lora", "--resume", "a.npz"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.err, "Going on from a.checkpoints/step-[0-9]+, after iteration [0-9]+");
  EXPECT_TRUE(bytes("a.npz") == bytes("whole.npz"));
  // One that came to its end does nothing more.
  ASSERT_EQ(run({"lora", "--resume", "a.npz"}).code, 0);
  EXPECT_TRUE(bytes("a.npz") == bytes("whole.npz"));

  stop("b.npz", 12, SIGKILL);
  ASSERT_EQ(run({"lora", "--resume", "b.checkpoints"}).code, 0);
  EXPECT_TRUE(bytes("b.npz") == bytes("whole.npz"));

  stop("adapters.npz", 20, SIGTERM);
  std::vector<std::string> same = command("adapters.npz");
  same.insert(same.end(), {"--resume"});
  ASSERT_EQ(run(same).code, 0);
  EXPECT_TRUE(bytes("adapters.npz") == bytes("whole.npz"));
}

// For every optimizer, with a schedule, accumulation and a limit of the norm.
TEST_F(ResumeCommand, GoesOnWithEveryOptimizer) {
  const std::vector<std::vector<std::string>> all = {
      {"--optimizer", "adamw", "--bias-correction", "--schedule", "cosine", "--warmup", "3"},
      {"--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--grad-accumulation", "2"},
      {"--optimizer", "lion", "--weight-decay", "0.1", "--schedule", "wsd"},
      {"--optimizer", "adafactor", "--grad-clip", "0.5"},
      {"--optimizer", "muon", "--schedule", "linear", "--min-lr", "1e-6"},
      {"--adam-bits", "8", "--bias-correction", "--lora-plus-ratio", "4"}};
  for (const std::vector<std::string>& more : all) {
    SCOPED_TRACE(fmt::format("{}", fmt::join(more, " ")));
    const auto with = [&](const char* adapter) {
      std::vector<std::string> arguments = command(adapter);
      arguments.insert(arguments.end(), more.begin(), more.end());
      return arguments;
    };
    const ProgramResult whole = run(with("whole.npz"));
    ASSERT_EQ(whole.code, 0) << whole.err;
    ProgramOptions options;
    bool sent = false;
    options.watch = [&](pid_t process, const std::string& out) {
      if (sent || out.find("Iter 12: ") == std::string::npos) return;
      ::kill(process, SIGKILL);
      sent = true;
    };
    run(with("a.npz"), options);
    const ProgramResult rest = run({"lora", "--resume", "a.npz"});
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_TRUE(bytes("a.npz") == bytes("whole.npz"));
  }
}

// Whatever is trained, and however it begins.
TEST_F(ResumeCommand, GoesOnWithEveryKindOfAdapter) {
  const std::vector<std::vector<std::string>> all = {
      {"--fine-tune-type", "dora", "--lora-dropout", "0.2"},
      {"--fine-tune-type", "dora", "--grad-accumulation", "2", "--grad-checkpoint"},
      {"--rslora", "--lora-rank", "3"},
      {"--init", "gaussian"},
      {"--init", "pissa_niter_2", "--lora-rank", "3", "--lora-scale", "1"},
      {"--init", "olora", "--lora-scale", "0.5"},
      {"--lora-config",
       R"({"r": 4, "scale": 3, "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}})"}};
  for (const std::vector<std::string>& more : all) {
    SCOPED_TRACE(fmt::format("{}", fmt::join(more, " ")));
    const auto with = [&](const char* adapter) {
      std::vector<std::string> arguments = command(adapter);
      std::erase(arguments, "--lora-dropout");
      std::erase(arguments, "0.2");
      arguments.insert(arguments.end(), more.begin(), more.end());
      return arguments;
    };
    const ProgramResult whole = run(with("whole.npz"));
    ASSERT_EQ(whole.code, 0) << whole.err;
    ProgramOptions options;
    bool sent = false;
    options.watch = [&](pid_t process, const std::string& out) {
      if (sent || out.find("Iter 12: ") == std::string::npos) return;
      ::kill(process, SIGKILL);
      sent = true;
    };
    run(with("a.npz"), options);
    const ProgramResult rest = run({"lora", "--resume", "a.npz"});
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_TRUE(bytes("a.npz") == bytes("whole.npz"));
    // The adapter's own settings repeat its training.
    ASSERT_EQ(run({"lora", "--config", "whole.npz", "--model", "model", "--data", "data", "--train",
                   "--adapter-file", "again.npz"})
                  .code,
              0);
    EXPECT_TRUE(bytes("again.npz") == bytes("whole.npz"));
  }
}

TEST_F(ResumeCommand, TheScheduleKeepsItsLength) {
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--schedule", "cosine"});
  ASSERT_EQ(run(arguments).code, 0);
  ASSERT_EQ(run({"lora", "--resume", "a.npz", "--iters", "30"}).code, 0);
  std::vector<std::string> at_once = command("b.npz");
  at_once[7] = "30";
  at_once.insert(at_once.end(), {"--schedule", "cosine", "--schedule-iters", "24"});
  ASSERT_EQ(run(at_once).code, 0);
  EXPECT_TRUE(bytes("a.npz") == bytes("b.npz"));
}

TEST_F(ResumeCommand, AnotherTrainingIsRefusedByWhatDiffers) {
  ASSERT_EQ(run(command("a.npz")).code, 0);
  const auto refused = [&](const std::vector<std::string>& more, const std::string& what) {
    std::vector<std::string> arguments = {"lora", "--resume", "a.npz"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refused(run(arguments), 2, what);
  };
  refused({"--batch-size", "3"}, "batch_size is 3, not 2");
  refused({"--learning-rate", "1e-4", "--seed", "9"}, "learning_rate is 0.0001, not 1e-05");
  refused({"--lora-rank", "4"}, "rank");
  refused({"--grad-checkpoint"}, "grad_checkpoint is true, not false");
  refused({"--iters", "10"}, "has done 24 iterations, more than --iters 10");
  refused({"--resume-adapter-file", "a.npz"}, "give one of them");
  write("data/train.jsonl", R"({"text": "something else"})"
                            "\n");
  expect_refused(run({"lora", "--resume", "a.npz"}), 1, "its training data is not this one's");
  expect_refused(run({"lora", "--resume", "b.npz"}), 1, "there is no checkpoint in b.checkpoints");
  expect_refused(run({"lora", "--resume", "a.checkpoints/step-000001"}), 1,
                 "there is no checkpoint a.checkpoints/step-000001");
}

// Names and prompts are bytes.
TEST_F(ResumeCommand, GoesOnWithAPromptThatIsNoUtf8) {
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--sample-prompt", "the \xff", "--sample-tokens", "2"});
  ProgramResult result = run(arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  result = run({"lora", "--resume", "a.npz", "--iters", "26"});
  EXPECT_EQ(result.code, 0) << result.err;
}

TEST_F(ResumeCommand, MoreIterationsAreFine) {
  ASSERT_EQ(run(command("a.npz")).code, 0);
  const ProgramResult more = run({"lora", "--resume", "a.npz", "--iters", "30"});
  ASSERT_EQ(more.code, 0) << more.err;
  expect_line(more.out, "Iter 30: Saved adapter weights to a.npz.");
  std::vector<std::string> at_once = command("b.npz");
  at_once[7] = "30";
  ASSERT_EQ(run(at_once).code, 0);
  EXPECT_TRUE(bytes("a.npz") == bytes("b.npz"));
}

// A training that goes on keeps to the memory that it was given, or to what it is given then.
TEST_F(ResumeCommand, KeepsItsMemoryAndItsCache) {
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "MLX's operations keep to no limit";
  const auto config_at = [&](const std::string& step) {
    return json::parse(bytes("a.checkpoints/step-" + step + "/checkpoint.json"))["config"];
  };
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--lora-dropout", "0", "--lora-layers", "1", "--memory", "3GB",
                                     "--trunk-cache", "kept", "--trunk-memory", "1MB"});
  const auto expect_kept = [&](const char* step) {
    const json config = config_at(step);
    EXPECT_EQ(config.value("memory", 0.0), 3e9) << step;
    EXPECT_EQ(config.value("trunk_cache", ""), "kept") << step;
    EXPECT_EQ(config.value("trunk_memory", 0.0), 1e6) << step;
  };
  ASSERT_EQ(run(arguments).code, 0);
  expect_kept("000024");
  ASSERT_EQ(run({"lora", "--resume", "a.npz", "--iters", "30"}).code, 0);
  expect_kept("000030");
  ASSERT_EQ(run({"lora", "--resume", "a.npz", "--iters", "36", "--memory", "4GB"}).code, 0);
  EXPECT_EQ(config_at("000036").value("memory", 0.0), 4e9);
  const std::vector<std::string> search = {"lora", "--find-lr", "--config", "a.checkpoints"};
  const ProgramResult found = run(search);  // which takes the whole model
  EXPECT_EQ(found.code, 0) << found.err;
  ASSERT_EQ(run({"lora", "--resume", "a.npz", "--iters", "42", "--memory", "none"}).code, 0);
  EXPECT_FALSE(config_at("000042").contains("memory"));
  // Not of the adapter, which is used elsewhere.
  EXPECT_EQ(bytes("a.npz").find("trunk_memory"), std::string::npos);
}

// Cut, changed or missing: the one before is taken, and it is said.
TEST_F(ResumeCommand, ACheckpointThatIsNotWholeIsPassedOver) {
  ASSERT_EQ(run(command("whole.npz")).code, 0);
  for (const char* file : {"checkpoint.json", "training.safetensors", "a.npz"}) {
    for (const bool cut : {true, false}) {
      fs::remove_all(folder_ / "a.checkpoints");
      stop("a.npz", 20, SIGINT);
      fs::path newest;
      for (const auto& entry : fs::directory_iterator(folder_ / "a.checkpoints")) {
        if (entry.path().filename() > newest.filename()) newest = entry.path();
      }
      std::string text = read_bytes(newest / file);
      if (cut) {
        text.resize(text.size() / 2);
      } else {
        text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
      }
      write_bytes(newest / file, text);
      const ProgramResult result = run({"lora", "--resume", "a.npz"});
      ASSERT_EQ(result.code, 0) << file << result.err;
      EXPECT_NE(result.err.find("the checkpoint before it is taken"), std::string::npos)
          << file << result.err;
      EXPECT_TRUE(bytes("a.npz") == bytes("whole.npz")) << file;
      expect_refused(run({"lora", "--resume", newest.string() + "x"}), 1, "checkpoint");
    }
  }
}

// It is written again, and nothing whole is lost meanwhile.
TEST_F(ResumeCommand, ABrokenOneIsReplacedWhenItIsReachedAgain) {
  ASSERT_EQ(run(command("whole.npz")).code, 0);
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--keep", "1"});
  ASSERT_EQ(run(arguments).code, 0);
  write("a.checkpoints/step-000024/checkpoint.json", "{\"version\": 1, \"files\": {");
  fs::rename(folder_ / "a.npz", folder_ / "gone.npz");
  // That of the best validation is all that is whole.
  const ProgramResult result = run({"lora", "--resume", "a.npz"});
  if (result.code != 0) {
    EXPECT_NE(result.err.find("no checkpoint in"), std::string::npos) << result.err;
    return;
  }
  EXPECT_TRUE(bytes("a.npz") == bytes("whole.npz"));
  EXPECT_EQ(run({"lora", "--resume", "a.npz"}).code, 0);
}

TEST_F(ResumeCommand, GoesOnFromAnEarlierOneWithoutLosingWhatItWrites) {
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--keep", "9"});
  ASSERT_EQ(run(arguments).code, 0);
  const std::string whole = bytes("a.npz");
  ProgramOptions options;
  bool sent = false;
  options.watch = [&](pid_t process, const std::string& out) {
    if (sent || out.find("Iter 15: Saved") == std::string::npos) return;
    ::kill(process, SIGKILL);
    sent = true;
  };
  run({"lora", "--resume", "a.checkpoints/step-000005"}, options);
  EXPECT_TRUE(fs::exists(folder_ / "a.checkpoints/step-000010"));
  EXPECT_FALSE(fs::exists(folder_ / "a.checkpoints/step-000024"));
  ASSERT_EQ(run({"lora", "--resume", "a.npz"}).code, 0);
  EXPECT_TRUE(bytes("a.npz") == whole);
}

TEST_F(ResumeCommand, AnAdapterThatIsNotItsOwnIsNotWritten) {
  ASSERT_EQ(run(command("a.npz")).code, 0);
  expect_refused(run({"lora", "--resume", "a.npz", "--adapter-file", "b.npz"}), 2,
                 "--adapter-file b.npz is not the adapter of");
  fs::copy(folder_ / "a.checkpoints/step-000024", folder_ / "step-000024");
  expect_refused(run({"lora", "--resume", "step-000024"}), 2,
                 "does not lie where its training put it");
  EXPECT_EQ(run({"lora", "--resume", "step-000024", "--adapter-file", "c.npz"}).code, 0);
  EXPECT_TRUE(bytes("c.npz") == bytes("a.npz"));
  fs::rename(folder_ / "a.checkpoints", folder_ / "d.checkpoints");
  EXPECT_EQ(run({"lora", "--resume", "d.npz"}).code, 0);
  EXPECT_TRUE(bytes("d.npz") == bytes("a.npz"));
}

TEST_F(ResumeCommand, PatienceThatIsAtItsEndStaysSo) {
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--learning-rate", "0", "--patience", "2"});
  ASSERT_EQ(run(arguments).code, 0);
  const std::string before = bytes("a.npz");
  const ProgramResult again = run({"lora", "--resume", "a.npz"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out.find("Iter 15: "), std::string::npos) << again.out;
  EXPECT_TRUE(bytes("a.npz") == before);
}

TEST_F(ResumeCommand, KeepsTheNewestAndTheBest) {
  std::vector<std::string> arguments = command("a.npz");
  arguments.insert(arguments.end(), {"--keep", "1"});
  ASSERT_EQ(run(arguments).code, 0);
  size_t count = 0;
  bool newest = false;
  for (const auto& entry : fs::directory_iterator(folder_ / "a.checkpoints")) {
    newest = newest || entry.path().filename() == "step-000024";
    ++count;
  }
  EXPECT_TRUE(newest);
  EXPECT_LE(count, 2u);
  EXPECT_EQ(run({"generate", "--model", "model", "--adapter-file",
                 "a.checkpoints/step-000024/a.npz", "-p", "a", "-m", "1"})
                .code,
            0);
}

// What is no part of a checkpoint is never deleted.
TEST_F(ResumeCommand, LeavesWhatItDidNotWrite) {
  ASSERT_EQ(run(command("a.npz")).code, 0);
  write("a.checkpoints/notes.txt", "mine");
  write("a.checkpoints/step-000024/mine.txt", "mine");
  fs::create_directory(folder_ / "a.checkpoints/step-000001");
  write("a.checkpoints/step-000001/mine.txt", "mine");
  run(command("a.npz"));
  for (const char* name : {"notes.txt", "step-000024/mine.txt", "step-000001/mine.txt"}) {
    EXPECT_TRUE(fs::exists(folder_ / "a.checkpoints" / name)) << name;
  }
}

TEST_F(ResumeCommand, AnEarlierTrainingThatWasStoppedIsNamed) {
  stop("a.npz", 12, SIGINT);
  const ProgramResult anew = run(command("a.npz"));
  EXPECT_EQ(anew.code, 0);
  expect_line(anew.err,
              "warning: a.checkpoints holds an earlier training that was stopped after iteration "
              "[0-9]+: .*");
  EXPECT_EQ(run(command("a.npz")).err.find("warning"), std::string::npos);
}

}  // namespace
}  // namespace graft::testing
