#include "graft/report/report_sink.h"

#include <utility>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/io/yaml.h"
#include "graft/report/report.h"
#include "graft/report/summary.h"

namespace graft::report {

ReportSink::ReportSink(RunFolder folder, RunFacts facts, std::shared_ptr<FrontEnd> front_end)
    : folder_(std::move(folder)), facts_(std::move(facts)), once_(std::move(front_end)) {
  if (facts_.name.empty()) facts_.name = folder_.name();
}

ReportSink::~ReportSink() { finish(RunStatus::stopped); }

void ReportSink::on(const training::Validated&) {
  begun_ = true;
  write();
}

void ReportSink::on(const training::Saved& saved) { adapter_ = saved.path; }

void ReportSink::finish(RunStatus status, const std::string& note) {
  if (!begun_ || std::exchange(finished_, true)) return;
  facts_.status = status;
  facts_.note = note;
  write();
}

void ReportSink::write() {
  once_.attempt([this] {
    std::vector<fs::path> files = {folder_.path};
    if (!adapter_.empty()) files.insert(files.begin(), adapter_);
    if (!std::exchange(config_written_, true)) {
      write_text(folder_.config(), "# The settings of a training by graft " GRAFT_VERSION
                                   ": as a config they repeat it.\n" +
                                       io::yaml_text(facts_.config));
    }
    write_facts(folder_.facts(), facts_);  // even if there are no metrics
    Metrics metrics = read_metrics(folder_.metrics());
    facts_.summary = summarize(metrics, files);
    write_facts(folder_.facts(), facts_);
    const Run run{facts_, std::move(metrics)};
    write_report(folder_.page(), {&run, 1});
  });
}

}  // namespace graft::report
