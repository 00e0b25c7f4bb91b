// `graft sweep`: combinations of settings, one after the other.

#include <csignal>

#include "graft/io/json.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Sweep : public ProgramTest {
 protected:
  static std::vector<std::string> with(std::vector<std::string> arguments,
                                       const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  ProgramResult sweep(const std::vector<std::string>& more, ProgramOptions options = {}) {
    return run(with({"sweep", "--model", "model", "--data", "data", "--iters", "12",
                     "--steps-per-eval", "4", "--save-every", "4", "--steps-per-report", "2"},
                    more),
               std::move(options));
  }
  std::string adapter(const std::string& name) const {
    return read_bytes(folder_ / ("sweep/" + name + "/adapters.npz"));
  }
  // Stops it once a text is on standard output for the second time.
  ProgramOptions stopping_at(const std::string& text, int signal) {
    ProgramOptions options;
    options.watch = [text, signal, sent = false](pid_t process, const std::string& out) mutable {
      const size_t first = out.find(text);
      if (sent || first == out.npos || out.find(text, first + 1) == out.npos) return;
      ::kill(process, signal);
      sent = true;
    };
    return options;
  }
  static size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
  }

  const std::vector<std::string> grid_ = {"--grid", "learning_rate=1e-3,0.01", "--grid",
                                          "lora-rank=2,4"};
};

TEST_F(Sweep, RunsAllCombinationsAndComparesThem) {
  const ProgramResult result = sweep(grid_);
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* name : {"learning_rate=0.001,lora_rank=2", "learning_rate=0.001,lora_rank=4",
                           "learning_rate=0.01,lora_rank=2", "learning_rate=0.01,lora_rank=4"}) {
    EXPECT_TRUE(fs::exists(folder_ / "sweep" / name / "adapters.run/report.html")) << name;
    EXPECT_NE(read_bytes(folder_ / "sweep/report.html").find(name), std::string::npos) << name;
  }
  expect_line(result.out, "Run 4 of 4: learning_rate=0.01,lora_rank=4");
  // The table begins with the best one.
  const std::regex row("\n(0[.]0+1) +([24]) +([0-9.]+) +12 +[0-9]+s(?=\n)");
  std::vector<std::string> names;
  double loss = 0;
  for (std::sregex_iterator match(result.out.begin(), result.out.end(), row), end; match != end;
       ++match) {
    names.push_back("learning_rate=" + (*match)[1].str() + ",lora_rank=" + (*match)[2].str());
    EXPECT_GE(std::stod((*match)[3]), loss);
    loss = std::stod((*match)[3]);
  }
  ASSERT_EQ(names.size(), 4u) << result.out;
  expect_line(result.out, "learning_rate  lora_rank  best loss  at step  time");
  expect_line(result.out, "Best: " + names[0]);
  expect_line(result.out, "Generate with it: graft generate --model model --adapter-file sweep/" +
                              names[0] + "/adapters.npz --prompt \"...\"");
  // Each is the training that the other command makes.
  ASSERT_EQ(run({"lora", "--model", "model", "--train", "--iters", "12", "--steps-per-eval", "4",
                 "--steps-per-report", "2", "--learning-rate", "0.01", "--lora-rank", "4"})
                .code,
            0);
  EXPECT_TRUE(adapter("learning_rate=0.01,lora_rank=4") == read_bytes(folder_ / "adapters.npz"));

  // What is finished stays, whatever the order and the number of the combinations.
  const std::string before = adapter("learning_rate=0.01,lora_rank=4");
  const ProgramResult again = sweep({"--grid", "lora_rank=4,2", "--grid", "learning_rate=1e-2"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(count(again.err, "It is finished already"), 2u);
  const ProgramResult same = sweep(grid_);
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_EQ(count(same.err, "It is finished already"), 4u);
  EXPECT_EQ(same.out.find("Iter 1:"), std::string::npos);
  EXPECT_TRUE(adapter("learning_rate=0.01,lora_rank=4") == before);
}

TEST_F(Sweep, GoesOnWhereItWasStopped) {
  ASSERT_EQ(sweep(with(grid_, {"--out", "whole"})).code, 0);
  const ProgramResult stopped = sweep(grid_, stopping_at("Iter 8: Val", SIGINT));
  ASSERT_EQ(stopped.code, 130) << stopped.err;
  expect_line(stopped.err,
              "Interrupted. To go on: graft sweep --model model --data data --iters 12 "
              "--steps-per-report 2 --steps-per-eval 4 --save-every 4 --grid "
              "learning_rate=1e-3,0.01 --grid lora-rank=2,4");
  EXPECT_EQ(sweep(grid_, stopping_at("Iter 4: Saved", SIGKILL)).code, 128 + SIGKILL);
  const ProgramResult rest = sweep(grid_);
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_NE(rest.err.find("It is finished already"), std::string::npos);
  EXPECT_NE(rest.err.find("Going on from sweep/learning_rate="), std::string::npos) << rest.err;
  for (const char* name : {"learning_rate=0.001,lora_rank=2", "learning_rate=0.001,lora_rank=4",
                           "learning_rate=0.01,lora_rank=2", "learning_rate=0.01,lora_rank=4"}) {
    EXPECT_TRUE(adapter(name) == read_bytes(folder_ / "whole" / name / "adapters.npz")) << name;
  }
}

TEST_F(Sweep, OfTrainingsThatBeginWithAnAdapterGoesOn) {
  ASSERT_EQ(train({"--adapter-file", "base.npz"}).code, 0);
  const std::vector<std::string> grid = {"--grid", "learning_rate=1e-3,1e-2",
                                         "--resume-adapter-file", "base.npz"};
  ASSERT_EQ(sweep(with(grid, {"--out", "whole"})).code, 0);
  ASSERT_EQ(sweep(grid, stopping_at("Iter 8: Val", SIGINT)).code, 130);
  const ProgramResult rest = sweep(grid);
  ASSERT_EQ(rest.code, 0) << rest.err;
  for (const char* name : {"learning_rate=0.001", "learning_rate=0.01"}) {
    EXPECT_TRUE(adapter(name) == read_bytes(folder_ / "whole" / name / "adapters.npz")) << name;
  }
}

TEST_F(Sweep, OneThatDivergesIsRecordedAndTheRestGoesOn) {
  const std::vector<std::string> grid = {"--grid", "learning_rate=1e38,1e-3", "--optimizer", "sgd"};
  const ProgramResult result = sweep(grid);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("warning: it diverged: iteration "), std::string::npos) << result.err;
  expect_line(result.out,
              "0.001          [0-9.]+      [0-9]+ +[0-9]+s +\n"
              "1e\\+38          [0-9.]+      1 .*  diverged");
  const ProgramResult again = sweep(grid);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find("It diverged before: iteration "), std::string::npos) << again.err;
  const ProgramResult none = sweep({"--grid", "learning_rate=1e38", "--optimizer", "sgd"});
  expect_refused(none, 1, "no training of the sweep came to its end");
}

TEST_F(Sweep, AnotherSweepsFolderIsRefused) {
  ASSERT_EQ(sweep({"--grid", "lora_rank=2"}).code, 0);
  expect_refused(sweep({"--grid", "lora_rank=2", "--batch-size", "3"}), 2,
                 "sweep is of another sweep: batch_size is 3, not 4");
  expect_refused(sweep({"--grid", "learning_rate=1e-3"}), 2,
                 "sweep is of another sweep, which varies lora_rank, not learning_rate");
  expect_refused(sweep({"--grid", "lora_rank=2", "--out", "data"}), 1,
                 "data is no folder of a sweep");
  // What changes nothing is free, and the same number may be written in another way.
  EXPECT_EQ(sweep({"--grid", "lora_rank=2", "--keep", "1", "--learning-rate", "0.00001"}).code, 0);
  // One in which nothing was trained yet is free.
  expect_refused(run({"sweep", "--model", "modell", "--grid", "seed=1", "--out", "new"}), 1,
                 "modell");
  EXPECT_EQ(sweep({"--grid", "lora_rank=2", "--out", "new"}).code, 0);
  write("sweep/sweep.json", "{}");
  expect_refused(sweep({"--grid", "lora_rank=2"}), 1, "does not say what sweep it is of");
}

TEST_F(Sweep, AWrongGridIsRefusedBeforeAnythingStarts) {
  const auto refused = [&](const std::vector<std::string>& grid, const std::string& what) {
    expect_refused(sweep(grid), 2, what);
    EXPECT_FALSE(fs::exists(folder_ / "sweep")) << what;
  };
  refused({}, "--grid is required");
  refused({"--grid", "learning_rat=1"}, "no option 'learning_rat'; did you mean learning_rate?");
  refused({"--grid", "learning_rate"}, "give an option and its values");
  refused({"--grid", "learning_rate="}, "a value is empty");
  refused({"--grid", "learning_rate=1e-3,,1e-4"}, "a value is empty");
  refused({"--grid", "=1"}, "there is no option ''");
  refused({"--grid", "learning_rate=1e-3,0.001"}, "0.001 is there twice");
  refused({"--grid", "lora_layers=1", "--grid", "num_layers=2"}, "lora_layers is there twice");
  refused({"--grid", "lora_rank=8,0"}, "--grid lora_rank=0: --lora-rank: Value 0 not in range");
  refused({"--grid", "learning_rate=abc"}, "abc is not a finite number of at least 0");
  refused({"--grid", "model=a,b"}, "model cannot be varied");
  refused({"--grid", "adapter_file=a"}, "there is no option 'adapter_file'");
  refused({"--grid", "lora_keys=a/b"}, "cannot be a part of a folder's name");
  refused({"--grid", "lora_rank=2", "--lora-rank", "4"}, "do not give --lora-rank, too");
  refused({"--grid", "optimizer=sgd,adam", "--momentum", "0.9"},
          "--grid optimizer=adam: --momentum is no option of adam");
  refused({"--grid", "lora_layers=1,99"}, "--grid lora_layers=99: --lora-layers 99 is more than");
  refused({"--grid", "lora_keys=q_proj,r_proj"}, "--grid lora_keys=r_proj: --lora-keys: 'r_proj'");
  refused({"--grid", "seed=1", "--resume"}, "there is no option --resume");
}

TEST_F(Sweep, TakesAConfiguration) {
  write("c.yaml", "train: true\ntest: true\nmodel: model\niters: 3\nlearning_rate: 0.5\n");
  const std::vector<std::string> command = {"sweep", "--config", "c.yaml", "--grid",
                                            "learning_rate=0.001"};
  const ProgramResult result = run(command);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out.find("Test loss"), std::string::npos);
  const json config =
      json::parse(read_bytes(folder_ / "sweep/learning_rate=0.001/adapters.run/run.json"))
          .at("config");
  EXPECT_EQ(config.at("iters"), 3);
  EXPECT_EQ(config.at("learning_rate"), 0.001);
  write("c.yaml", "model: model\niters: 4\n");
  expect_refused(run(command), 2, "sweep is of another sweep: iters is 4, not 3");
}

// Lists, flags, and what one would have to quote.
TEST_F(Sweep, VariesListsAndFlags) {
  const ProgramResult result =
      sweep({"--grid", "lora_keys=q_proj+v_proj,all", "--grid", "grad_checkpoint=true,false"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto config = [&](const std::string& name) {
    return json::parse(read_bytes(folder_ / "sweep" / name / "adapters.run/run.json")).at("config");
  };
  const json one = config("grad_checkpoint=true,lora_keys=q_proj+v_proj");
  EXPECT_EQ(one.at("lora_keys"), (json{"q_proj", "v_proj"}));
  EXPECT_EQ(one.at("grad_checkpoint"), true);
  const json other = config("grad_checkpoint=false,lora_keys=all");
  EXPECT_EQ(other.at("lora_keys"), json{"all"});
  EXPECT_EQ(other.at("grad_checkpoint"), false);
}

}  // namespace
}  // namespace graft::testing
