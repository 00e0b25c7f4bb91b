#include "graft/launch/process.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace graft::launch {
namespace {

// What it wrote to both streams until its end, and its exit code.
std::pair<std::array<std::string, 2>, int> outcome(Process& process) {
  std::array<std::string, 2> texts;
  for (int i = 0; i < 1000 && !(process.code() && process.is_silent()); ++i) {
    for (size_t which : {0, 1}) texts[which] += process.read(which);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {texts, process.code().value_or(-1)};
}

TEST(ProcessTest, IsHeardAndToldAndHasACode) {
  std::signal(SIGPIPE, SIG_IGN);  // as the program does
  Process process({"sh", "-c", "read line; echo got $line; echo oh >&2; exit 3"});
  process.tell("this");
  const auto [texts, code] = outcome(process);
  EXPECT_EQ(texts[0], "got this\n");
  EXPECT_EQ(texts[1], "oh\n");
  EXPECT_EQ(code, 3);
  process.tell("nobody");  // hears it
}

TEST(ProcessTest, ThatASignalEndsHasItsNumber) {
  Process process({"sleep", "100"});
  process.signal(SIGTERM);
  EXPECT_EQ(outcome(process).second, 128 + SIGTERM);
}

TEST(ProcessTest, OfAProgramThatIsNotThere) {
  Process process({"/no/such/program"});
  EXPECT_EQ(outcome(process).second, 127);
}

TEST(ProcessTest, EndsWithItsObject) {
  const auto begin = std::chrono::steady_clock::now();
  { Process process({"sh", "-c", "while read line; do :; done"}); }  // until its input ends
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace graft::launch
