#pragma once

#include <memory>
#include <string>

#include "graft/base/front_end.h"
#include "graft/report/run_facts.h"
#include "graft/report/run_folder.h"
#include "graft/report/warn_once.h"
#include "graft/training/events.h"

namespace graft::report {

/// Writes config.yaml of a run at first, and run.json and report.html after every validation and at
/// the end. It comes after
/// the metrics sink, whose file it reads. What cannot be written is said once, and the training
/// goes on.
class ReportSink final : public training::EventSink {
 public:
  ReportSink(RunFolder folder, RunFacts facts, std::shared_ptr<FrontEnd> front_end);
  /// A run that nobody has finished was stopped by an error.
  ~ReportSink() override;
  using EventSink::on;

  void on(const training::Stepped&) override { begun_ = true; }
  void on(const training::Validated&) override;
  void on(const training::Saved& saved) override;

  /// Until `finish`: for what is known late, such as samples.
  RunFacts& facts() { return facts_; }
  /// The last writing. Writes nothing if the run has not begun: what lies there is an earlier
  /// one's. `note` says why the run ended, if that needs to be said.
  void finish(RunStatus status, const std::string& note = "");

 private:
  void write();

  RunFolder folder_;
  RunFacts facts_;
  WarnOnce once_;
  fs::path adapter_;  // as it was saved last
  bool begun_ = false, config_written_ = false, finished_ = false;
};

}  // namespace graft::report
