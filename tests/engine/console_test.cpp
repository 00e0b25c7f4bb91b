#include "graft/engine/console.h"

#include <gtest/gtest.h>

namespace graft::engine {
namespace {

TEST(Console, WritesNotesAndWarningsInTheProgramsWords) {
  const auto console =
      make_console({.words = [](std::string_view line) { return "<" + std::string(line) + ">"; }});
  ::testing::internal::CaptureStderr();
  console->note("{} files", 3);
  console->warn("a {}", "b");
  console->progress({{0.5, {"half"}}});  // standard error is no terminal
  console->progress({});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "<3 files>\nwarning: <a b>\n");
}

TEST(Console, SaysWhetherToStop) {
  EXPECT_FALSE(make_console()->cancelled());
  bool stop = false;
  const auto console = make_console({.cancelled = [&] { return stop; }});
  EXPECT_NO_THROW(console->check_cancelled());
  stop = true;
  EXPECT_THROW(console->check_cancelled(), Cancelled);
}

}  // namespace
}  // namespace graft::engine
