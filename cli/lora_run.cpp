#include "cli/lora_run.h"

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>

#include "cli/adapter_option.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/learning_rate_plot.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/plan_output.h"
#include "cli/ranks.h"
#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/base/shell_quoted.h"
#include "graft/engine/memory_limit.h"
#include "graft/engine/named_data.h"
#include "graft/engine/rank_check.h"
#include "graft/generation/generate.h"
#include "graft/lora/fingerprint.h"
#include "graft/models/parts.h"
#include "graft/ops/backend.h"
#include "graft/report/growing_file.h"
#include "graft/report/metrics_sink.h"
#include "graft/report/report.h"
#include "graft/report/report_sink.h"
#include "graft/report/tensorboard.h"
#include "graft/training/bad_batches.h"
#include "graft/training/console_sink.h"
#include "graft/training/evaluation.h"

namespace graft::cli {
namespace {

namespace mx = mlx::core;

// Millions with three digits, as the example has it.
std::string millions(size_t count) {
  return fmt::format("{:.3f}M", static_cast<double>(count) / 1e6);
}

std::vector<std::string> splits_of(const LoraOptions& o) {
  std::vector<std::string> splits;
  if (o.train) splits = {"train", "valid"};
  if (o.find_lr) splits = {"train"};
  if (o.test) splits.push_back("test");
  return splits;
}

// One run of the command, over what its parts share.
class LoraRun {
 public:
  LoraRun(const LoraOptions& options, const engine::Runtime& runtime,
          const distributed::Group& ranks)
      : o_(options), runtime_(runtime), ranks_(ranks) {
    if (o_.find_lr && !ranks.is_alone()) {
      fail_usage("--find-lr is for one process: it tries rates on batches that are not shared out");
    }
    if (o_.train || o_.test || o_.find_lr) data_ = named_data(runtime, o_.data, splits_of(o_));
    if (o_.train && o_.test) {
      const std::string both = data_->trained_and_tested();
      if (!both.empty()) {
        fail_usage("--train and --test with {}: a test set is one that training does not see",
                   both);
      }
    }
    mlx::core::random::seed(o_.tune.train.seed);
    loaded_.emplace(load_named(runtime, o_.model));
  }

  // Returns the program's exit code.
  int run() {
    std::optional<data::Dataset> test_set;  // read before the training, which may take hours
    if (o_.test) test_set = split("test");
    if (o_.find_lr) return find_learning_rate();
    if (o_.train) {
      if (const int code = train(); code != 0) return code;
    } else {
      std::vector<std::string> adapters;
      if (o_.adapter_file) adapters.push_back(*o_.adapter_file);
      use_adapter(runtime_, *loaded_, adapters);
    }
    if (test_set) test(*test_set);
    if (o_.prompt && ranks_.is_first()) prompt();
    return 0;
  }

 private:
  data::Dataset split(const char* name) const {
    return data_->load(name, *loaded_, o_.tune.render, runtime_.front_end());
  }

  // Empty if there is none.
  data::Dataset validation_set() const {
    if (data_->has("valid")) return split("valid");
    if (o_.tune.train.patience > 0) {
      fail(
          "`patience` counts validations, and there is no validation set: `valid_split` makes one");
    }
    runtime_.front_end().warn(
        "there is no validation set: the training goes on without validation; `valid_split` 0.05 "
        "would set a part of the training set aside for it");
    return {.name = "valid"};
  }

  int find_learning_rate() {
    const data::Dataset train_set = split("train");
    engine::FineTune tune(*loaded_, o_.tune, runtime_.front_end());
    describe(tune);
    describe(train_set);
    check_plan(tune, train_set, train_set, tune.kept_by_search());
    const InterruptGuard guard;
    print_out("Trying learning rates\n");
    finish_output();
    const training::LearningRateSearch search = tune.search_learning_rate(train_set);
    if (search.interrupted) {
      runtime_.front_end().note("Interrupted: nothing was changed");
      return kInterruptedCode;
    }
    print_out("\n{}\n", learning_rate_plot(search, 80));
    if (search.suggested) {
      const std::string rate = fmt::format("{:.2g}", *search.suggested);
      print_out("Suggested learning rate: {}\n", rate);
      print_out("To train with it: graft lora --train --learning-rate {}{}\n", rate, o_.repeated);
    } else {
      print_out("No learning rate made the loss fall: there is none to suggest\n");
    }
    const fs::path page = report::RunFolder::of_adapter(o_.tune.train.adapter_file).search_page();
    report::make_folder(page.parent_path());
    report::write_search_report(page, search);
    print_out("Wrote {}\n", page.string());
    return 0;
  }

  int train() {
    const data::Dataset train_set = split("train");
    const data::Dataset valid_set = validation_set();
    engine::SampleOptions samples = o_.samples;
    if (o_.tune.trunk.limit && samples.tokens > 0) {
      runtime_.front_end().note("With --memory the report shows no continuations");
      samples.tokens = 0;
    }
    std::vector<engine::SamplePrompt> prompts =
        engine::sample_prompts(samples, valid_set, loaded_->tokenizer);
    engine::FineTuneOptions options = o_.tune;
    options.datasets = data_->hub_names();
    options.named = named_options(o_);
    engine::find_places(options.trunk, runtime_);
    if (!ranks_.is_alone()) options.exchange = measured_exchange();
    engine::FineTune tune(*loaded_, std::move(options), runtime_.front_end(), ranks_);
    describe(tune);
    describe(train_set);
    if (!valid_set.examples.empty()) describe(valid_set);
    check_plan(tune, train_set, valid_set);
    const InterruptGuard guard;
    print_out("Starting training, iterations: {}\n", tune.iterations_on(train_set));
    finish_output();
    const auto& front_end = runtime_.options().front_end;
    const report::RunFolder folder = report::RunFolder::of_adapter(o_.tune.train.adapter_file);
    const auto record =
        std::make_shared<report::ReportSink>(folder, facts_of(folder, tune, train_set), front_end);
    training::TrainEnd end;
    if (!ranks_.is_first()) {  // rank 0 tells and records
      end = tune.run(train_set, valid_set, training::Events({}));
      if (end == training::TrainEnd::interrupted ||
          end == training::TrainEnd::interrupted_at_start || ranks_.any(interrupted())) {
        return kInterruptedCode;
      }
      return 0;
    }
    try {
      end = tune.run(train_set, valid_set,
                     training::Events(sinks(folder, std::move(prompts), record)));
    } catch (const std::exception& error) {
      record->finish(report::RunStatus::stopped, with_flags(error.what()));
      throw;
    }
    record->facts().commands = next_commands(tune.iterations_on(train_set));
    const bool early = end == training::TrainEnd::out_of_patience;
    const bool finished = early || end == training::TrainEnd::finished;
    record->finish(finished ? report::RunStatus::finished : report::RunStatus::interrupted);
    if (!finished) return exit_code(end);
    if (early) {
      front_end->note("{} validations without improvement: the training ends. The best is in {}",
                      o_.tune.train.patience,
                      training::Checkpoints::folder_of(o_.tune.train.adapter_file).string());
    }
    print_summary(record->facts().summary);
    if (!ranks_.any(interrupted())) return 0;
    front_end->note("Interrupted after the training, which is complete");
    return kInterruptedCode;
  }

  // Of the machine's memory what one of the processes on it may take: the mapped weights are there
  // once for all of them.
  UsableMemory usable_here(const plan::Plan& plan) const {
    UsableMemory usable = usable_for(plan, o_.tune.trunk);
    const size_t weights = std::min(plan.memory.weights, usable.bytes);
    usable.bytes = weights + (usable.bytes - weights) / static_cast<size_t>(ranks_.on_this_host());
    return usable;
  }

  // What gradients take between the processes, noted for `graft plan`.
  distributed::ExchangeSpeed measured_exchange() const {
    const distributed::ExchangeSpeed speed =
        distributed::measure_exchange(ranks_, backend_in_use());
    if (ranks_.is_first()) distributed::write_exchange_speed(exchange_file(runtime_), speed);
    return speed;
  }

  // Says what the training will take, with so many bytes `beside` it, and refuses one that does not
  // fit.
  void check_plan(const engine::FineTune& tune, const data::Dataset& train_set,
                  const data::Dataset& valid_set, size_t beside = 0) const {
    if (!ops::use_cpu_kernels()) return;  // whose memory and time are known
    if (!ranks_.is_first()) return;       // who measures the machine, and speaks
    std::optional<plan::Plan> plan;
    std::string smaller;
    try {
      plan = tune.plan(train_set, valid_set, speed_file(runtime_));
      const size_t most = usable_here(*plan).bytes, usable = most - std::min(most, beside);
      if (plan->memory.total() > usable && !o_.tune.trunk.limit) {
        smaller = remedy_lines(tune.remedies(train_set, valid_set, *plan, usable));
      }
      plan->memory.optimizer += beside;
    } catch (const std::exception& error) {
      // A training is not to fail for what is said about it.
      runtime_.front_end().warn("what it will take is not known: {}", error.what());
      return;
    }
    if (o_.train) print_out("Plan: {}\n", plan::in_short(*plan));
    const UsableMemory usable = usable_here(*plan);
    if (plan->memory.total() <= usable.bytes) return;
    if (o_.force) {
      runtime_.front_end().warn("it may not fit into memory: {}", too_large(*plan, usable));
      return;
    }
    if (!smaller.empty()) print_out("What would make it smaller:\n{}", smaller);
    fail("the training does not fit into memory: {}. `force` starts it all the same",
         too_large(*plan, usable));
  }

  report::RunFacts facts_of(const report::RunFolder& folder, const engine::FineTune& tune,
                            const data::Dataset& train_set) const {
    report::RunFacts facts;
    if (o_.tune.resume) facts.samples = report::earlier_samples(folder.facts());
    facts.config = tune.config_on(train_set);
    facts.machine = report::this_machine();
    return facts;
  }

  // The record comes last: it reads what the others write.
  std::vector<std::shared_ptr<training::EventSink>> sinks(
      const report::RunFolder& folder, std::vector<engine::SamplePrompt> prompts,
      std::shared_ptr<report::ReportSink> record) const {
    const auto& front_end = runtime_.options().front_end;
    std::optional<int> resumed_from;
    if (o_.tune.resume) resumed_from = o_.tune.resume->iteration();
    std::vector<std::shared_ptr<training::EventSink>> sinks = {
        training::make_console_sink(front_end),
        training::make_bad_batches_sink(folder.bad_batches(), resumed_from, front_end),
        report::make_metrics_sink(folder, resumed_from, front_end)};
    if (o_.tensorboard) {
      sinks.push_back(report::make_tensorboard_sink(folder, resumed_from, front_end));
    }
    sinks.push_back(engine::make_sample_sink(*loaded_, std::move(prompts), o_.samples.tokens,
                                             record, *front_end));
    sinks.push_back(std::move(record));
    return sinks;
  }

  std::vector<report::Command> next_commands(int iters) const {
    const std::string model = shell_quoted(o_.model);
    const std::string adapter = shell_quoted(o_.tune.train.adapter_file.string());
    const int64_t longer = 2 * int64_t{iters};
    // MLX's schedules have the length that their arguments say.
    const std::string schedule =
        o_.tune.train.schedule.arguments.empty() ? fmt::format(" --schedule-iters {}", longer) : "";
    return {{"Generate with it",
             fmt::format("graft generate --model {} --adapter-file {} --prompt \"...\"", model,
                         adapter)},
            {"Measure it", fmt::format("graft lora --model {} --adapter-file {}{} --test", model,
                                       adapter, data_options_text())},
            {"Make it a model of its own",
             fmt::format("graft fuse --model {} --adapter-file {} --save-path lora_fused_model",
                         model, adapter)},
            {"Train it further",
             fmt::format("graft lora --resume {} --iters {}{}", adapter, longer, schedule)}};
  }

  // The data, as options of a command.
  std::string data_options_text() const {
    std::string text;
    for (const std::string& name : o_.data.names) text += " --data " + shell_quoted(name);
    return text;
  }

  static void print_summary(const report::Summary& summary) {
    if (!summary.empty()) print_out("\n");
    for (const auto& [label, text] : summary) print_out("{:<12} {}\n", label, text);
  }

  // Printed once, before the first step.
  void describe(const engine::FineTune& tune) const {
    const size_t total = loaded_->model->parameters();
    const size_t trainable = tune.adapters().parameters().count();
    const lora::LoraSettings& settings = tune.adapters().settings();
    print_out("Model {}: {} parameters, {}\n", o_.model, millions(total), loaded_->precision());
    const double share = 100.0 * static_cast<double>(trainable) / static_cast<double>(total);
    if (settings.type == lora::FineTuneType::full) {
      print_out("Trainable: {} parameters ({:.3f}%), full fine-tuning of {} layers\n",
                millions(trainable), share, tune.adapted_layers());
      return;
    }
    print_out("Trainable: {} parameters ({:.3f}%), LoRA rank {}, scale {}, {} layers\n",
              millions(trainable), share, settings.rank, settings.scale, tune.adapted_layers());
  }

  void describe(const data::Dataset& set) const {
    const data::Totals& totals = set.examples.totals();
    print_out("{}: {} examples, {} tokens (mean {:.1f}, longest {})\n", set.name,
              set.examples.size(), totals.tokens,
              static_cast<double>(totals.tokens) / static_cast<double>(set.examples.size()),
              totals.longest);
    print_out("  {}: {} of {} tokens ({:.0f}%)\n", set.described, totals.trained, totals.tokens,
              100.0 * static_cast<double>(totals.trained) / static_cast<double>(totals.tokens));
  }

  // Of a training that was interrupted.
  int exit_code(training::TrainEnd end) const {
    if (end == training::TrainEnd::interrupted_at_start) {
      runtime_.front_end().note("Interrupted before the first step: nothing was saved");
    } else {
      const std::string launched =
          ranks_.is_alone() ? "" : fmt::format("launch -n {} -- ", ranks_.size());
      const std::string own = "graft " + launched + "lora --resume " +
                              shell_quoted(o_.tune.train.adapter_file.string());
      runtime_.front_end().note("Interrupted. To go on: {}",
                                o_.go_on_command.empty() ? own : o_.go_on_command);
    }
    finish_output();  // it may be what ended the training
    return kInterruptedCode;
  }

  fs::path trunk_folder() const {
    engine::TrunkOptions trunk = o_.tune.trunk;
    engine::find_places(trunk, runtime_);
    return trunk.folder_in_use();
  }

  // Whether all test the same.
  void check_same_test(const data::Dataset& set) const {
    if (ranks_.is_alone()) return;
    uint64_t adapter = kFnv1aStart;
    for (const models::LinearPart& part : models::adaptable_of(loaded_->model->parts())) {
      if (!part.adapter()) continue;
      for (mx::array array : {part.adapter()->a, part.adapter()->b}) {
        array = mx::contiguous(array);
        mx::eval(array);
        adapter = fnv1a({array.data<char>(), array.nbytes()}, adapter);
      }
    }
    engine::check_same_facts({{"model", lora::fingerprint(loaded_->folder)},
                              {"data", data::fingerprint(set)},
                              {"adapter", adapter},
                              {"batch_size", o_.tune.train.batch_size},
                              {"test_batches", o_.test_batches},
                              {"limited", o_.tune.trunk.limit.has_value()}},
                             ranks_);
  }

  void test(const data::Dataset& set) {
    check_same_test(set);
    const data::EvaluationBatches batches(set, o_.tune.train.batch_size, o_.test_batches);
    const auto show = [&](size_t done) {
      const double share = static_cast<double>(done) / static_cast<double>(batches.size());
      runtime_.front_end().progress({{share, {fmt::format("test {}/{}", done, batches.size())}}});
      return true;
    };
    const std::optional<size_t> limit = o_.tune.trunk.limit;
    const training::Evaluation result =
        limit ? engine::evaluate_within(*loaded_, batches, trunk_folder(), *limit,
                                        runtime_.front_end(), show)
              : training::evaluate(models::LayerRunner(*loaded_->model), batches, show, ranks_);
    runtime_.front_end().progress({});
    print_out("Test loss {:.3f}, Test ppl {:.3f}.\n", result.loss, result.perplexity());
    finish_output();
  }

  void prompt() const {
    generation::GenerateOptions options;
    options.max_tokens = o_.max_tokens;
    options.sampler.temperature = o_.temp;
    options.sampler.seed = o_.tune.train.seed;
    options.eos_ids = loaded_->eos_ids();
    print_text(*o_.prompt);
    generation::generate(*loaded_->model, loaded_->tokenizer, loaded_->tokenizer.encode(*o_.prompt),
                         options, print_text);
    print_text("\n");
  }

  const LoraOptions& o_;
  const engine::Runtime& runtime_;
  const distributed::Group& ranks_;
  std::optional<engine::NamedData> data_;
  std::optional<engine::LoadedModel> loaded_;
};

}  // namespace

int run_lora(const LoraOptions& options, const engine::Runtime& runtime) {
  return with_ranks(runtime, [&](const distributed::Group& ranks) {
    return LoraRun(options, runtime, ranks).run();
  });
}

}  // namespace graft::cli
