#include "graft/report/metrics_sink.h"

#include <utility>

#include "graft/base/atomic_file.h"
#include "graft/report/growing_file.h"
#include "graft/report/metrics_file.h"
#include "graft/report/warn_once.h"

namespace graft::report {
namespace {

class MetricsSink final : public training::EventSink {
 public:
  MetricsSink(RunFolder folder, std::optional<int64_t> resumed_from,
              std::shared_ptr<FrontEnd> front_end)
      : folder_(std::move(folder)), resumed_from_(resumed_from), once_(std::move(front_end)) {}
  using EventSink::on;

  void on(const training::Stepped&) override {
    once_.attempt([this] { begin(); });
  }

  void on(const training::Reported& r) override {
    forget(r.iteration, ReadingKind::train);
    append(TrainReading{.step = r.iteration,
                        .loss = r.loss,
                        .learning_rate = r.learning_rate,
                        .grad_norm = r.gradient_norm,
                        .tokens = r.tokens,
                        .tokens_per_second = r.tokens_per_second,
                        .memory = r.memory,
                        .seconds = r.seconds,
                        .skipped = r.skipped,
                        .spikes = r.spikes});
  }

  void on(const training::Validated& v) override {
    forget(v.iteration, ReadingKind::validation);
    append(ValidationReading{.step = v.iteration, .loss = v.loss, .seconds = v.seconds});
  }

 private:
  void begin() {
    if (file_) return;
    make_folder(folder_.path);
    const fs::path path = folder_.metrics();
    if (!resumed_from_) {
      write_text(path, "");
    } else if (is_there(path)) {
      drop_after(path, *resumed_from_);
    }
    file_ = std::make_unique<GrowingFile>(path);
  }

  // What comes for the step that was resumed may stand there from before the stop: its checkpoint
  // was written first.
  void forget(int64_t step, ReadingKind kind) {
    if (resumed_from_ != step) return;
    once_.attempt([&] {
      begin();
      file_.reset();
      drop_repeated(folder_.metrics(), step, kind);
      file_ = std::make_unique<GrowingFile>(folder_.metrics());
    });
  }

  template <class Reading>
  void append(const Reading& reading) {
    once_.attempt([&] {
      begin();
      file_->append(to_json(reading).dump() + "\n");
    });
  }

  RunFolder folder_;
  std::optional<int64_t> resumed_from_;
  WarnOnce once_;
  std::unique_ptr<GrowingFile> file_;
};

}  // namespace

std::shared_ptr<training::EventSink> make_metrics_sink(RunFolder folder,
                                                       std::optional<int64_t> resumed_from,
                                                       std::shared_ptr<FrontEnd> front_end) {
  return std::make_shared<MetricsSink>(std::move(folder), resumed_from, std::move(front_end));
}

}  // namespace graft::report
