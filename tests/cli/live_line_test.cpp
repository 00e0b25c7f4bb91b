// The live line of a training run, and what it leaves behind in a terminal.

#include <gtest/gtest.h>

#include <regex>

#include "graft/base/terminal.h"
#include "tests/cli/program_fixture.h"
#include "tests/support/terminal.h"

namespace graft::testing {
namespace {

class LiveLine : public ProgramTest {
 protected:
  TerminalResult train_in_terminal(const std::vector<std::string>& more, TerminalOptions options) {
    std::vector<std::string> arguments = {"lora", "--model", "model", "--train"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    options.folder = folder_.path();
    return run_in_terminal(arguments, options);
  }

  // Every line that stays is one of those that a pipe gets, whole.
  static void expect_only_lines(const Screen& screen) {
    const std::regex known(
        "The model has [0-9]+ layers: all are adapted"
        "|Model model: .*|Trainable: .* layers|data/(train|valid)\\.jsonl: .*"
        "|  texts \\(text\\) as they are; all of it is trained: .*"
        "|Plan: about .*|Starting training, iterations: [0-9]+"
        "|Iter [0-9]+: Val loss [0-9.]+, Val took [0-9.]+s"
        "|Iter [0-9]+: Train loss [0-9.]+, It/sec [0-9.]+, Tokens/sec [0-9.]+"
        "|Iter [0-9]+: Saved adapter weights to adapters\\.npz\\."
        "|Test loss [0-9.]+, Test ppl [0-9.]+\\."
        "||Loss .*|Best step .*|Time .*|Tokens .*|Peak memory .*|Files .*"
        "|Interrupted\\. To go on: graft lora --resume adapters\\.npz");
    for (const std::string& line : screen.lines) {
      EXPECT_TRUE(std::regex_match(line, known)) << line;
    }
    EXPECT_EQ(screen.last, "");
    EXPECT_EQ(screen.unknown, 0u);
  }

  static bool any(const std::vector<std::string>& states, const std::string& pattern) {
    for (const std::string& state : states) {
      if (std::regex_search(state, std::regex(pattern))) return true;
    }
    return false;
  }
};

TEST_F(LiveLine, FitsANarrowTerminalAndIsCleared) {
  for (unsigned short columns : {40, 12, 1}) {
    TerminalOptions options;
    options.columns = columns;
    TerminalResult result =
        train_in_terminal({"--iters", "20", "--steps-per-eval", "10", "--test"}, options);
    ASSERT_EQ(result.code, 0) << result.shown;
    Screen screen = replay(result.shown);
    expect_only_lines(screen);
    // A line as long as the terminal is wide makes some of them wrap.
    for (const std::string& state : screen.states) {
      EXPECT_LT(columns_of(state), std::max<size_t>(columns, 2)) << columns << ": " << state;
    }
    EXPECT_GE(screen.states.size(), 20u);
    if (columns == 40) {
      EXPECT_TRUE(any(screen.states, "11/20  loss [0-9.]+  [0-9]+s left"));
    }
  }
}

TEST_F(LiveLine, ShowsAllInAWideTerminal) {
  TerminalOptions options;
  options.columns = 120;
  options.environment = {"LC_ALL=C"};
  TerminalResult result = train_in_terminal({"--iters", "20", "--test"}, options);
  ASSERT_EQ(result.code, 0) << result.shown;
  Screen screen = replay(result.shown);
  expect_only_lines(screen);
  EXPECT_TRUE(any(screen.states,
                  "^\\[==========>         \\] 10/20  loss [0-9.]+  [0-9]+s left  "
                  "[0-9]+ tok/s  lr 1.0e-05  [0-9.]+ GB$"));
  EXPECT_TRUE(any(screen.states, "^\\[={20}\\] validation 3/3$"));
  EXPECT_TRUE(any(screen.states, "^\\[={20}\\] test 3/3$"));
  EXPECT_TRUE(any(screen.states, "^\\[=+>? *\\] sample 2/3$"));
}

TEST_F(LiveLine, HasACurveOfTheLossWhereTheTerminalShowsIt) {
  const auto states = [&](const char* locale, unsigned short columns) {
    TerminalOptions options;
    options.columns = columns;
    options.environment = {locale};
    const TerminalResult result = train_in_terminal({"--iters", "20"}, options);
    EXPECT_EQ(result.code, 0) << result.shown;
    const Screen screen = replay(result.shown);
    expect_only_lines(screen);
    for (const std::string& state : screen.states) {
      EXPECT_LT(columns_of(state), columns) << state;
    }
    return screen.states;
  };
  const std::string curve = "  (▁|▂|▃|▄|▅|▆|▇|█)+$";
  EXPECT_TRUE(any(states("LC_ALL=C.UTF-8", 120), "GB" + curve));
  EXPECT_TRUE(any(states("LC_ALL=C.UTF-8", 80), "GB" + curve));
  EXPECT_FALSE(any(states("LC_ALL=C", 120), curve));
  states("LC_ALL=C.UTF-8", 36);
}

// Where the line cannot be drawn over, there is none.
TEST_F(LiveLine, IsNotThereInADumbTerminal) {
  TerminalOptions options;
  options.environment = {"TERM=dumb"};
  TerminalResult result = train_in_terminal({"--iters", "20"}, options);
  ASSERT_EQ(result.code, 0) << result.shown;
  EXPECT_EQ(result.shown.find('\x1b'), std::string::npos) << result.shown;
  Screen screen = replay(result.shown);
  EXPECT_EQ(screen.states.size(), 0u);
  expect_only_lines(screen);
}

TEST_F(LiveLine, IsClearedAtCtrlCAndTheAdapterSaved) {
  TerminalOptions options;
  options.columns = 40;
  bool typed = false;
  options.type = [&](const std::string& shown) -> std::string {
    if (typed || shown.find("Iter 10: Train") == std::string::npos) return "";
    typed = true;
    return "\x03";
  };
  TerminalResult result = train_in_terminal({"--iters", "20000"}, options);
  ASSERT_EQ(result.code, 130) << result.shown;
  Screen screen = replay(result.shown);
  expect_only_lines(screen);
  ASSERT_GE(screen.lines.size(), 2u);
  EXPECT_TRUE(screen.lines.end()[-2].ends_with(": Saved adapter weights to adapters.npz."));
  EXPECT_TRUE(screen.lines.back().starts_with("Interrupted. To go on: ")) << screen.lines.back();
  EXPECT_EQ(train({"--resume-adapter-file", "adapters.npz"}).code, 0);
}

// An error in the middle of a run stands on a line of its own.
TEST_F(LiveLine, IsClearedBeforeAnError) {
  fs::create_directory(folder_ / "out");
  TerminalOptions options;
  options.columns = 40;
  options.type = [&](const std::string& shown) {
    // The last save finds no folder.
    std::error_code already_gone;
    if (shown.find(": Val loss") != std::string::npos) {
      fs::rename(folder_ / "out", folder_ / "gone", already_gone);
    }
    return "";
  };
  TerminalResult result =
      train_in_terminal({"--iters", "2000", "--steps-per-report", "20000", "--steps-per-eval",
                         "20000", "--save-every", "20000", "--adapter-file", "out/adapters.npz"},
                        options);
  ASSERT_EQ(result.code, 1) << result.shown;
  Screen screen = replay(result.shown);
  EXPECT_EQ(screen.last, "");
  ASSERT_GE(screen.states.size(), 1u);
  EXPECT_TRUE(std::any_of(screen.states.begin(), screen.states.end(), [](const std::string& state) {
    return state.find("2000/2000  loss ") != std::string::npos;
  }));
  ASSERT_GE(screen.lines.size(), 1u);
  EXPECT_TRUE(screen.lines.back().starts_with("graft: cannot write out/adapters.npz: "))
      << screen.lines.back();
}

}  // namespace
}  // namespace graft::testing
