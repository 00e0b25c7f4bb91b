#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "cli/activations_option.h"
#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/data_options.h"
#include "cli/eval_output.h"
#include "cli/interrupt.h"
#include "cli/named.h"
#include "cli/number_checks.h"
#include "cli/output.h"
#include "cli/ranks.h"
#include "cli/threads_option.h"
#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/engine/questions.h"
#include "graft/engine/rank_check.h"
#include "graft/evaluation/scorers.h"
#include "graft/lora/fingerprint.h"
#include "graft/training/evaluation.h"

namespace graft::cli {
namespace {

struct EvalCommand {
  std::string model = "mlx_model";
  std::vector<std::string> adapters;
  engine::DataOptions data;
  data::RenderOptions render;
  std::optional<std::string> split;
  std::string scorer = "exact";
  evaluation::ScorerOptions scoring;
  int limit = -1, samples = 0, max_tokens = 256, batch_size = 16;
  float temp = 0;
  uint64_t seed = 0;
  std::vector<std::string> stop;
  std::optional<std::string> answers_file;
  bool loss_only = false, json = false;
};

// The scorer that was asked for, and exact match beside another.
std::vector<std::unique_ptr<evaluation::Scorer>> scorers_of(const EvalCommand& o) {
  std::vector<std::unique_ptr<evaluation::Scorer>> scorers;
  scorers.push_back(evaluation::make_scorer(o.scorer, o.scoring));
  if (o.scorer != "exact") scorers.push_back(evaluation::make_scorer("exact", o.scoring));
  return scorers;
}

// One run of the command: the same questions to a model with several adapters.
class EvalRun {
 public:
  EvalRun(const EvalCommand& o, const engine::Runtime& runtime, const distributed::Group& ranks)
      : o_(o),
        runtime_(runtime),
        ranks_(ranks),
        front_end_(runtime.front_end()),
        loss_only_(o.loss_only),
        scorers_(scorers_of(o)) {
    check_data_options(o.data, o.render);
    if (o.answers_file && ranks.is_first()) check_writable(*o.answers_file);
    for (const std::string& file : o.adapters) {
      if (file != "none") files_.push_back(named_adapter(runtime, {file}));
    }
    data_.emplace(named_data(runtime, o.data, splits(), engine::Splits::first));
    loaded_.emplace(load_named(runtime, o.model));
    for (const lora::AdapterFile& file : files_) lora::check_fits(*loaded_->model, file);
    read_data();
  }

  int run() {
    if (!ranks_.is_alone()) check_ranks();
    const InterruptGuard guard;
    size_t file = 0;
    const std::vector<std::string> adapters =
        o_.adapters.empty() ? std::vector<std::string>{"none"} : o_.adapters;
    for (const std::string& name : adapters) {
      lora::detach(*loaded_->model);
      if (replaced_) {
        loaded_.reset();  // not two of them in memory
        loaded_.emplace(load_named(runtime_, o_.model));
      }
      std::optional<lora::Adapters> adapter;
      if (name != "none") adapter = engine::put_adapter(*loaded_, files_[file++], front_end_);
      replaced_ = adapter && !adapter->trained().empty();
      const auto result = evaluated(name);
      front_end_.progress({});
      if (!result) break;
      results_.push_back(*result);
    }
    if (!ranks_.is_first()) return results_.size() == adapters.size() ? 0 : kInterruptedCode;
    if (o_.answers_file) write_answers(*o_.answers_file, results_);
    if (o_.json) {
      print_json(eval_json({set_->name, o_.model, o_.samples}, results_));
    } else {
      print_samples(results_, o_.samples);
      print_eval(results_);
    }
    if (results_.size() == adapters.size()) return 0;
    front_end_.note("Interrupted: of {} of {} there are figures", results_.size(), adapters.size());
    return kInterruptedCode;
  }

 private:
  // Whether all evaluate the same.
  void check_ranks() const {
    engine::check_same_facts({{"model", lora::fingerprint(loaded_->folder)},
                              {"data", data::fingerprint(*set_)},
                              {"questions", questions_.questions.size()},
                              {"adapter_file", o_.adapters},
                              {"max_tokens", o_.max_tokens},
                              {"temp", o_.temp},
                              {"stop", o_.stop},
                              {"seed", o_.seed},
                              {"loss_only", loss_only_}},
                             ranks_);
  }

  std::vector<std::string> splits() const {
    return o_.split ? std::vector<std::string>{*o_.split}
                    : std::vector<std::string>{"test", "valid"};
  }

  void read_data() {
    std::string split = splits().front();
    for (const std::string& name : splits()) {
      if (data_->has(name)) {
        split = name;
        break;
      }
    }
    set_ = data_->load(split, *loaded_, o_.render, front_end_);
    if (!o_.json) {
      print_out("{}: {} examples; {}\n", set_->name, set_->examples.size(), set_->described);
    }
    if (loss_only_) return;
    const data::Encoder encoder(loaded_->tokenizer, loaded_->chat(), o_.render);
    questions_ = engine::read_questions(data_->sources(split), encoder, o_.limit);
    if (questions_.without_answer > 0) {
      front_end_.warn("{}: {} records have no answer to compare with and are left out: {}",
                      set_->name, questions_.without_answer, fmt::join(questions_.places, ", "));
    }
    if (!questions_.questions.empty()) return;
    if (o_.scorer != "exact") fail("{}: no record has an answer to score", set_->name);
    front_end_.note("No record has an answer to compare with: the loss alone is measured");
    loss_only_ = true;
  }

  // Nothing if it was interrupted.
  std::optional<EvalResult> evaluated(const std::string& adapter) {
    EvalResult result{.adapter = adapter};
    const data::EvaluationBatches batches(*set_, 4, -1);
    const auto goes_on = [&](size_t done) {
      show(adapter, "loss", done, batches.size());
      return !front_end_.cancelled();
    };
    const training::Evaluation losses =
        training::evaluate(models::LayerRunner(*loaded_->model), batches, goes_on, ranks_);
    if (ranks_.any(front_end_.cancelled())) return {};
    result.loss = losses.loss;
    result.perplexity = losses.perplexity();
    if (loss_only_) return result;
    result.answers = evaluation::evaluate(
        *loaded_->model, loaded_->tokenizer, questions_.questions, *scorers_.front(), options(),
        [&](size_t done) { show(adapter, "answer", done, questions_.questions.size()); }, ranks_);
    if (ranks_.any(front_end_.cancelled())) return {};
    if (!ranks_.is_first()) return result;
    for (size_t i = 1; i < scorers_.size(); ++i) {
      for (evaluation::Figure& figure : evaluation::figures_of(
               scorers_[i]->measures(), scorers_[i]->score(result.answers.answers))) {
        result.answers.figures.push_back(std::move(figure));
      }
    }
    for (const std::string& problem : result.answers.problems) {
      front_end_.warn("{}", problem);
    }
    return result;
  }

  evaluation::EvaluateOptions options() const {
    evaluation::EvaluateOptions options;
    options.batch = {.batch_size = o_.batch_size,
                     .ends = {o_.max_tokens, loaded_->eos_ids(), o_.stop},
                     .interrupted = [this] { return front_end_.cancelled(); }};
    options.sampler.temperature = o_.temp;
    options.sampler.seed = o_.seed;
    return options;
  }

  void show(const std::string& adapter, const char* what, size_t done, size_t all) const {
    front_end_.progress(
        {{static_cast<double>(done) / static_cast<double>(all),
          {adapter == "none" ? o_.model : adapter, fmt::format("{} {}/{}", what, done, all)}}});
  }

  const EvalCommand& o_;
  const engine::Runtime& runtime_;
  const distributed::Group& ranks_;
  bool replaced_ = false;  // weights of the model, which must be read anew for another adapter

  FrontEnd& front_end_;
  bool loss_only_;
  std::vector<std::unique_ptr<evaluation::Scorer>> scorers_;
  std::vector<lora::AdapterFile> files_;
  std::optional<engine::NamedData> data_;
  std::optional<engine::LoadedModel> loaded_;
  std::optional<data::Dataset> set_;
  engine::Questions questions_;
  std::vector<EvalResult> results_;
};

std::string scorer_help() {
  std::string help = "How answers are scored: ";
  for (const evaluation::ScorerKind& kind : evaluation::scorer_kinds()) {
    help += fmt::format("{} ({}), ", kind.name, kind.help);
  }
  return help + "or a program by its path, which reads JSON lines and writes {\"score\": 0 to 1}";
}

}  // namespace

void add_eval_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<EvalCommand>();
  CLI::App* command = app.add_subcommand(
      "eval", "Measure a model, and adapters of it: loss, and answers that are scored");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("--model", o->model,
                      "Folder of the model, converted or not, or its name on the Hub");
  command
      ->add_option("--adapter-file", o->adapters,
                   "An adapter to measure; can be given several times; none: the model without one "
                   "[the model alone]")
      ->allow_extra_args(false)
      ->take_all();
  add_data_options(*command, o->data);
  add_render_options(*command, o->render);
  command
      ->add_option("--split", o->split, "Part of the data: train, valid or test [test, else valid]")
      ->check(CLI::IsMember({"train", "valid", "test"}));
  command->add_option("--scorer", o->scorer, scorer_help());
  command
      ->add_option("--tolerance", o->scoring.tolerance,
                   "Of numbers that count as equal, as a share of the larger")
      ->check(not_negative());
  command->add_option("--pattern", o->scoring.pattern, "Of --scorer regex");
  command->add_flag("--compare-matches", o->scoring.compare_matches,
                    "--scorer regex: the answer's last match must be the reference's");
  command->add_option("--choices", o->scoring.choices, "Of --scorer choice, such as A,B,C,D")
      ->delimiter(',')
      ->take_all();
  command
      ->add_option("--seconds", o->scoring.seconds, "That a query, or a program's line, may take")
      ->check(above_zero());
  command->add_option("--limit", o->limit, "Records that are answered; -1: all")
      ->check(count_or_all());
  command->add_option("--samples", o->samples, "Show so many answers side by side")
      ->check(not_negative());
  command->add_option("--answers", o->answers_file,
                      "File for all answers with their scores, as JSON lines");
  command->add_flag("--loss-only", o->loss_only, "Let the model answer nothing");
  command->add_option("-m,--max-tokens", o->max_tokens, "Tokens of an answer at most")
      ->check(positive());
  command->add_option("--batch-size", o->batch_size, "Answers that are generated at once")
      ->check(positive());
  command->add_option("--temp", o->temp, "Temperature; 0: the likeliest token")
      ->check(not_negative());
  command->add_option("--stop", o->stop, "End an answer before this text; several are possible")
      ->allow_extra_args(false)
      ->take_all();
  command->add_option("--seed", o->seed, "Of the sampling")->check(seed());
  command->add_flag("--json", o->json, "Print the figures as JSON");
  add_threads_option(*command, runtime, "Threads of the CPU kernels");
  add_activations_option(*command, runtime);
  on_run(*command, runtime, [o, &runtime] {
    const int code = with_ranks(runtime, [&](const distributed::Group& ranks) {
      return EvalRun(*o, runtime, ranks).run();
    });
    if (code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace graft::cli
