#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "graft/base/error.h"
#include "graft/report/comparison.h"
#include "graft/report/report.h"

namespace graft::cli {
namespace {

struct ReportCommand {
  std::vector<std::string> runs;
  std::optional<std::string> output;
};

// What is no folder is an adapter, which may not be saved yet.
report::RunFolder run_folder(const fs::path& given) {
  if (is_folder(given)) return {given};
  report::RunFolder folder = report::RunFolder::of_adapter(given);
  if (!is_folder(folder.path)) {
    fail("{} is neither a run's folder nor an adapter with one: there is no folder {}",
         given.string(), folder.path.string());
  }
  return folder;
}

report::Run read(const report::RunFolder& folder, FrontEnd& front_end) {
  report::Run run = report::read_run(folder);
  if (run.metrics.broken > 0) {
    const bool one = run.metrics.broken == 1;
    front_end.warn("{} {} of {} {}: left out", run.metrics.broken, one ? "line" : "lines",
                   folder.metrics().string(), one ? "is no reading" : "are no readings");
  }
  return run;
}

// Of runs with the same name, the page and the table say the folder.
void tell_apart(std::vector<report::Run>& runs, const std::vector<report::RunFolder>& folders) {
  std::map<std::string, int> count;
  for (const report::Run& run : runs) ++count[run.facts.name];
  for (size_t i = 0; i < runs.size(); ++i) {
    if (count[runs[i].facts.name] > 1) runs[i].facts.name = folders[i].path.string();
  }
}

void run(const ReportCommand& o, FrontEnd& front_end) {
  std::vector<report::RunFolder> folders;
  std::vector<report::Run> runs;
  folders.reserve(o.runs.size());
  runs.reserve(o.runs.size());
  for (const std::string& given : o.runs) folders.push_back(run_folder(given));
  for (const report::RunFolder& folder : folders) runs.push_back(read(folder, front_end));
  const bool compares = runs.size() > 1;
  if (compares) {
    tell_apart(runs, folders);
    print_out("{}", report::comparison_table(runs));
  }
  const fs::path beside = compares ? fs::path("report.html") : folders.front().page();
  const fs::path page = o.output ? fs::path(*o.output) : beside;
  report::write_report(page, runs);
  print_out("Wrote {}\n", page.string());
}

}  // namespace

void add_report_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<ReportCommand>();
  CLI::App* command = app.add_subcommand(
      "report", "Write a page with the curves of a training, or compare several");
  command
      ->add_option("run", o->runs, "A training's folder of records (adapters.run), or its adapter")
      ->required()
      ->type_name("RUN");
  command
      ->add_option("--output", o->output,
                   "The page to write [report.html in the run's folder; of several runs, in this "
                   "folder]")
      ->take_last()
      ->type_name("FILE");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime.front_end()); });
}

}  // namespace graft::cli
