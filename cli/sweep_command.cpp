#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/activations_option.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/given_options.h"
#include "cli/grid.h"
#include "cli/interrupt.h"
#include "cli/lora_options.h"
#include "cli/lora_run.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/sweep_folder.h"
#include "cli/threads_option.h"
#include "graft/base/error.h"
#include "graft/base/terminal.h"
#include "graft/base/text_table.h"
#include "graft/base/threads.h"
#include "graft/report/report.h"
#include "graft/report/summary.h"

namespace graft::cli {
namespace {

struct SweepCommand {
  LoraOptions unused;  // what is given is parsed again for each combination
  std::vector<std::string> grid;
  std::string out = "sweep";
};

// What `graft lora` does besides training, and what a sweep decides itself.
constexpr std::initializer_list<const char*> kNotOfSweeps = {
    "--train",        "--test",         "--find-lr",      "--prompt",     "--resume",
    "--adapter-file", "--adapter-path", "--test-batches", "--max-tokens", "--temp"};

// Options that change neither what is trained nor what is measured.
const std::set<std::string>& free_settings() {
  static const std::set<std::string> names = {
      "adapter_file",  "adapter_path",  "config",       "find_lr",          "help",
      "keep",          "max_tokens",    "profile",      "prompt",           "resume",
      "sample_prompt", "sample_tokens", "save_every",   "steps_per_report", "temp",
      "tensorboard",   "test",          "test_batches", "threads",          "train"};
  return names;
}

// The options of one of its trainings, by the parser of `graft lora`.
struct Parsed {
  Parsed(std::vector<std::string> arguments, engine::Runtime& runtime) {
    add_lora_options(app, options);
    add_threads_option(app, runtime, "");
    add_activations_option(app, runtime);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app.parse(arguments);
  }

  // With what a configuration or a checkpoint says. That asks for a training and nothing else.
  void complete(FrontEnd& front_end) {
    options.train = true;
    complete_lora_options(app, options, front_end);
    options.test = false;
    options.prompt.reset();
  }

  CLI::App app;
  LoraOptions options;
};

// A checkpoint and a configuration may say how many threads there are and what activations become:
// for a training alone.
class RuntimeOfARun {
 public:
  explicit RuntimeOfARun(engine::Runtime& runtime)
      : runtime_(runtime),
        threads_(runtime.options().threads),
        activations_(runtime.options().activations) {}
  ~RuntimeOfARun() {
    runtime_.set_threads(threads_);
    runtime_.set_activations(activations_);
  }
  RuntimeOfARun(const RuntimeOfARun&) = delete;
  RuntimeOfARun& operator=(const RuntimeOfARun&) = delete;

 private:
  engine::Runtime& runtime_;
  int threads_;
  ops::Activations activations_;
};

class Sweep {
 public:
  Sweep(const CLI::App& command, const SweepCommand& options, engine::Runtime& runtime)
      : command_(command),
        runtime_(runtime),
        out_(without_trailing_slash(options.out)),
        grid_(read_grid(options.grid, command)),
        combinations_(combinations_of(grid_)) {
    if (!out_.parent_path().empty() && !is_folder(out_.parent_path())) {
      fail_usage("--out: there is no folder {}", out_.parent_path().string());
    }
    for (const Combination& combination : combinations_) check(combination);
  }

  // Returns the program's exit code.
  int run() {
    const std::string again = "graft sweep" + given_options(command_, {});
    const InterruptNotice notice("Interrupted. To go on: " + again);
    check_on_model();
    SweepFolder folder(out_, settings(), varied());
    for (size_t i = 0; i < combinations_.size(); ++i) {
      const std::string name = name_of(combinations_[i]);
      print_out("{}Run {} of {}: {}\n", i == 0 ? "" : "\n", i + 1, combinations_.size(), name);
      finish_output();
      if (const int code = train(combinations_[i], folder, again); code != 0) return code;
    }
    return conclude(folder);
  }

 private:
  struct Row {
    const Combination* combination;
    report::Run run;
    report::Losses losses;
    bool finished, diverged;
  };

  std::unique_ptr<Parsed> parsed(const Combination& combination, const std::string& adapter,
                                 bool resumes = false) const {
    std::set<std::string> but = {"--grid", "--out"};
    if (resumes) but.insert("--resume-adapter-file");  // the checkpoint has it
    std::vector<std::string> arguments = given_arguments(command_, but);
    for (std::string& argument : arguments_of(combination, command_)) {
      arguments.push_back(std::move(argument));
    }
    arguments.insert(arguments.end(), {"--train", "--adapter-file", adapter});
    return std::make_unique<Parsed>(std::move(arguments), runtime_);
  }

  // Completed as if its adapter were beside the sweep's folder, which need not be there yet.
  std::unique_ptr<Parsed> tried(const Combination& combination) const {
    const RuntimeOfARun restored(runtime_);
    auto one = parsed(combination, (out_.parent_path() / "adapters.npz").string());
    one->complete(*silent_front_end());
    return one;
  }

  // Before anything is trained. Throws UsageError.
  void check(const Combination& combination) const {
    const std::string name = name_of(combination);
    try {
      tried(combination);
    } catch (const CLI::ParseError& error) {
      fail_usage("--grid {}: {}", name, error.what());
    } catch (const UsageError& error) {
      fail_usage("--grid {}: {}", name, error.what());
    }
  }

  // Layers and keys that the model does not have, say. Throws UsageError.
  void check_on_model() const {
    engine::LoadedModel loaded = load_named(runtime_, tried(combinations_.front())->options.model);
    for (const Combination& combination : combinations_) {
      try {
        const auto one = tried(combination);
        const engine::FineTune tune(loaded, one->options.tune, *silent_front_end());
        lora::detach(*loaded.model);
      } catch (const UsageError& error) {
        fail_usage("--grid {}: {}", name_of(combination), error.what());
      }
    }
  }

  std::set<std::string> varied() const {
    std::set<std::string> names;
    for (const GridAxis& axis : grid_) names.insert(axis.name);
    return names;
  }

  // What all its trainings have in common.
  std::map<std::string, std::string> settings() const {
    const std::set<std::string> varied = this->varied();
    const auto one = tried(combinations_.front());
    std::map<std::string, std::string> found;
    for (const CLI::Option* option : one->app.get_options()) {
      if (option->get_lnames().empty()) continue;
      std::string name = option->get_lnames().front();
      std::replace(name.begin(), name.end(), '-', '_');
      if (varied.count(name) != 0 || free_settings().count(name) != 0) continue;
      std::string& text = found[name];
      if (option->count() == 0) {
        text = one_form(option->get_default_str());
        continue;
      }
      for (const std::string& value : option->reduced_results()) {
        text += (text.empty() ? "" : ",") + one_form(value);
      }
    }
    return found;
  }

  int train(const Combination& combination, SweepFolder& folder, const std::string& again) const {
    const std::string name = name_of(combination);
    if (folder.finished(name)) {
      runtime_.front_end().note("It is finished already");
      return 0;
    }
    if (const auto why = folder.diverged(name)) {
      runtime_.front_end().note("It diverged before: {}", *why);
      return 0;
    }
    folder.make(name);
    const RuntimeOfARun restored(runtime_);
    const bool resumes = folder.resumable(name);
    const auto one = parsed(combination, folder.adapter(name).string(), resumes);
    one->options.go_on_command = again;
    if (resumes) one->options.resume = folder.adapter(name).string();
    one->complete(runtime_.front_end());
    const engine::Use use(runtime_);
    try {
      return run_lora(one->options, runtime_);
    } catch (const training::Diverged& diverged) {
      folder.set_diverged(name, with_flags(diverged.what()));
      runtime_.front_end().progress({});
      runtime_.front_end().warn("it diverged: {}", diverged.what());
      return 0;
    }
  }

  // Those with records; the best comes first, and those that diverged last.
  std::vector<Row> rows(const SweepFolder& folder) const {
    std::vector<Row> all;
    for (const Combination& combination : combinations_) {
      const std::string name = name_of(combination);
      if (!is_there(folder.records(name).metrics())) continue;
      Row row{&combination,
              report::read_run(folder.records(name)),
              {},
              folder.finished(name),
              folder.diverged(name).has_value()};
      row.run.facts.name = name;
      row.losses = report::losses_of(row.run.metrics);
      all.push_back(std::move(row));
    }
    std::stable_sort(all.begin(), all.end(), [](const Row& a, const Row& b) {
      const auto loss = [](const Row& row) {
        return std::isnan(row.losses.best) ? HUGE_VAL : row.losses.best;
      };
      return a.finished != b.finished ? a.finished : loss(a) < loss(b);
    });
    return all;
  }

  static std::string time_of(const report::Run& run) {
    for (const auto& [label, text] : report::summarize(run.metrics, {})) {
      if (label == "Time") return text;
    }
    return "";
  }

  std::string table(const std::vector<Row>& rows) const {
    std::vector<TableRow> cells(1);
    for (const GridAxis& axis : grid_) cells[0].push_back(axis.name);
    cells[0].insert(cells[0].end(), {"best loss", "at step", "time", ""});
    for (const Row& row : rows) {
      TableRow& line = cells.emplace_back();
      for (const auto& [option, value] : *row.combination) line.push_back(value);
      const bool known = !std::isnan(row.losses.best);
      line.push_back(known ? fmt::format("{:.3f}", row.losses.best) : "–");
      line.push_back(known ? fmt::format("{}", row.losses.best_step) : "–");
      line.push_back(time_of(row.run));
      line.emplace_back(row.finished ? "" : row.diverged ? "diverged" : "not finished");
    }
    // Where all went well there is no column that says how it went.
    const bool well =
        std::all_of(rows.begin(), rows.end(), [](const Row& r) { return r.finished; });
    if (well) {
      for (TableRow& line : cells) line.pop_back();
    }
    return text_table(cells);
  }

  int conclude(const SweepFolder& folder) const {
    const std::vector<Row> rows = this->rows(folder);
    std::vector<report::Run> runs;
    for (const Row& row : rows) runs.push_back(row.run);
    print_out("\n{}", table(rows));
    report::write_report(folder.page(), runs);
    if (rows.empty() || !rows.front().finished) {
      fail("no training of the sweep came to its end; {} shows them", folder.page().string());
    }
    const Row& best = rows.front();
    print_out("\nBest: {}\n", best.run.facts.name);
    for (const report::Command& next : best.run.facts.commands) {
      print_out("{}: {}\n", next.what, next.command);
    }
    print_earlier_step(folder, best);
    print_out("Wrote {}\n", folder.page().string());
    return 0;
  }

  // Where the best loss is not that of the adapter file.
  static void print_earlier_step(const SweepFolder& folder, const Row& best) {
    const fs::path adapter = folder.adapter(best.run.facts.name);
    const fs::path earlier = training::Checkpoints::folder_of(adapter) /
                             fmt::format("step-{:06}", best.losses.best_step) / adapter.filename();
    if (best.losses.best == best.losses.after || !is_there(earlier)) return;
    print_out("Its adapter at step {}, of the best loss: {}\n", best.losses.best_step,
              earlier.string());
  }

  const CLI::App& command_;
  engine::Runtime& runtime_;
  fs::path out_;
  std::vector<GridAxis> grid_;
  std::vector<Combination> combinations_;
};

}  // namespace

void add_sweep_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<SweepCommand>();
  CLI::App* command = app.add_subcommand(
      "sweep", "Fine-tune with all combinations of some settings, and compare them");
  add_lora_options(*command, o->unused);
  for (const char* name : kNotOfSweeps) command->remove_option(command->get_option(name));
  command
      ->add_option("--grid", o->grid,
                   "A setting and the values to try, such as learning_rate=1e-5,1e-4; can be given "
                   "several times")
      ->required()
      ->allow_extra_args(false)
      ->take_all()
      ->type_name("NAME=VALUE,...");
  command->add_option("--out", o->out,
                      "Folder for the combinations' adapters and records; one that is there is "
                      "gone on with");
  add_threads_option(*command, runtime, "Threads of the CPU kernels");
  add_activations_option(*command, runtime);
  on_run(*command, runtime, [o, command, &runtime] {
    if (const int code = Sweep(*command, *o, runtime).run(); code != 0) {
      throw CLI::RuntimeError(code);
    }
  });
}

}  // namespace graft::cli
