#include "graft/training/bad_batches.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::training {
namespace {

Skipped skipped() {
  return {.iteration = 7,
          .in_a_row = 1,
          .lines = {{"a.jsonl", 3, 1.5}, {"b.jsonl", 8, std::numeric_limits<double>::quiet_NaN()}},
          .worst = 1};
}

TEST(BadBatches, AreALineEach) {
  const testing::TempFolder folder;
  const fs::path file = folder / "adapters.run" / "bad-batches.jsonl";
  const auto sink = make_bad_batches_sink(file, {}, silent_front_end());
  EXPECT_FALSE(fs::exists(file));
  sink->on(skipped());
  sink->on(skipped());
  const std::string line = R"({"iteration":7,"examples":[{"file":"a.jsonl","line":3,"loss":1.5},)"
                           R"({"file":"b.jsonl","line":8,"loss":null}]})"
                           "\n";
  EXPECT_EQ(testing::read_bytes(file), line + line);
}

TEST(BadBatches, OfAnEarlierTrainingGoAndThoseThatComeAgainToo) {
  const testing::TempFolder folder;
  const fs::path file = folder / "bad.jsonl";
  const std::string early = R"({"iteration":3,"examples":[]})"
                            "\n",
                    late = R"({"iteration":9,"examples":[]})"
                           "\n";
  testing::write_bytes(file, early + late + "{\"iteration\": 4");
  make_bad_batches_sink(file, 5, silent_front_end())->on(Stepped{});
  EXPECT_EQ(testing::read_bytes(file), early);
  make_bad_batches_sink(file, {}, silent_front_end())->on(Stepped{});
  EXPECT_EQ(testing::read_bytes(file), "");
}

TEST(BadBatches, ThatCannotBeWrittenAreSaidOnce) {
  const testing::TempFolder folder;
  const auto front_end = std::make_shared<testing::RecordingFrontEnd>();
  const auto sink = make_bad_batches_sink(folder / "no" / "such" / "file", {}, front_end);
  sink->on(skipped());
  sink->on(skipped());
  ASSERT_EQ(front_end->warnings.size(), 1u);
  EXPECT_NE(front_end->warnings[0].find("cannot write"), std::string::npos);
}

}  // namespace
}  // namespace graft::training
