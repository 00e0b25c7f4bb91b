// Event files, to the byte; tests/interop/tensorboard_parity.py has TensorBoard read them.

#include <gtest/gtest.h>

#include "graft/report/crc32c.h"
#include "graft/report/tensorboard.h"
#include "graft/report/tensorboard_events.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::testing {
namespace {

using namespace std::string_literals;

// RFC 3720, B.4, and the check value of the catalogue of CRCs.
TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(report::crc32c(""), 0u);
  EXPECT_EQ(report::crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(report::crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(report::crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string rising;
  for (char i = 0; i < 32; ++i) rising += i;
  EXPECT_EQ(report::crc32c(rising), 0x46dd794eu);
}

TEST(TensorboardEvents, BytesOfTheFirstEvent) {
  // What TensorFlow writes of Event(wall_time=1.5, file_version="brain.Event:2").
  EXPECT_EQ(report::version_event(1.5), "\x09\0\0\0\0\0\0\xf8\x3f\x1a\x0d"s + "brain.Event:2");
  EXPECT_EQ(report::framed(report::version_event(1.5)).substr(0, 12),
            "\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22"s);
}

TEST(TensorboardEvents, StepsOfManyBytesAndScalars) {
  EXPECT_EQ(report::scalars_event(0, 300, {{"a", 1.0}}),
            "\x09\0\0\0\0\0\0\0\0\x10\xac\x02\x2a\x0a\x0a\x08\x0a\x01"
            "a\x15\0\0\x80\x3f"s);
  EXPECT_EQ(report::start_event(0, 0), "\x09\0\0\0\0\0\0\0\0\x10\0\x3a\x02\x08\x01"s);
}

TEST(TensorboardSink, AFullDiskIsSaidOnce) {
  TempFolder temp;
  const report::RunFolder folder{temp / "adapters.run"};
  const auto front_end = std::make_shared<RecordingFrontEnd>();
  const auto sink = report::make_tensorboard_sink(folder, {}, front_end);
  {
    const FileSizeLimit limit(10);
    sink->on(training::Validated{1, 3, 0.5});
    sink->on(training::Validated{2, 3, 0.5});
  }
  EXPECT_EQ(front_end->warnings.size(), 1u);
  sink->on(training::Validated{3, 2, 0.5});
  const std::vector<std::string> names = names_in(folder.tensorboard());
  ASSERT_EQ(names.size(), 1u);
  EXPECT_TRUE(names[0].starts_with("events.out.tfevents.")) << names[0];
  // The first events, and one of the three others.
  const std::string bytes = read_bytes(folder.tensorboard() / names[0]);
  EXPECT_NE(bytes.find("brain.Event:2"), std::string::npos);
  EXPECT_EQ(bytes.find("validation/loss"), bytes.rfind("validation/loss"));
}

}  // namespace
}  // namespace graft::testing
