// Writes the records of a training that did not happen, for tests that read them with other
// programs.
//
//   records_driver FOLDER FIRST LAST [RESUMED_FROM]
//
// FOLDER is a run's; reports and validations of the steps FIRST, FIRST + 10, ... LAST go into it:
// loss 1 / step, learning rate step / 1000, gradient norm step / 7, 100.5 tokens a second;
// validation loss 2 / step.

#include <cstdlib>
#include <memory>
#include <optional>

#include "graft/report/metrics_sink.h"
#include "graft/report/report_sink.h"
#include "graft/report/tensorboard.h"

int main(int argc, char** argv) {
  using namespace graft;
  if (argc < 4) return 2;
  const report::RunFolder folder{argv[1]};
  std::optional<int64_t> resumed_from;
  if (argc > 4) resumed_from = std::atoi(argv[4]);
  const auto report = std::make_shared<report::ReportSink>(
      folder, report::RunFacts{.machine = report::this_machine()}, silent_front_end());
  const training::Events events(
      {report::make_metrics_sink(folder, resumed_from, silent_front_end()),
       report::make_tensorboard_sink(folder, resumed_from, silent_front_end()), report});
  for (int step = std::atoi(argv[2]); step <= std::atoi(argv[3]); step += 10) {
    const training::Reported reported{.iteration = step,
                                      .loss = 1.0 / step,
                                      .learning_rate = step / 1000.0,
                                      .iterations_per_second = 1,
                                      .tokens_per_second = 100.5,
                                      .gradient_norm = step / 7.0,
                                      .tokens = 1000 * step,
                                      .seconds = static_cast<double>(step),
                                      .memory = 2'000'000 * int64_t{step}};
    events.emit(reported);
    events.emit(training::Validated{step, 2.0 / step, 0.5});
  }
  report->finish(report::RunStatus::finished);
  return 0;
}
