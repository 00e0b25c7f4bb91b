#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/random.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/dataset_warnings.h"
#include "cli/interrupt.h"
#include "cli/loaded_model.h"
#include "cli/named_data.h"
#include "cli/number_checks.h"
#include "cli/threads_option.h"
#include "cli/upload.h"
#include "graft/base/error.h"
#include "graft/base/log.h"
#include "graft/base/terminal.h"
#include "graft/data/dataset.h"
#include "graft/generation/generate.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/fingerprint.h"
#include "graft/training/console_sink.h"
#include "graft/training/evaluation.h"
#include "graft/training/trainer.h"

namespace graft::cli {
namespace {

struct LoraCommand {
  std::string model = "mlx_model";
  int max_tokens = 100;
  float temp = 0.8f;
  std::optional<std::string> prompt;
  bool train = false;
  bool test = false;
  int add_eos_token = 1;
  std::string data = "data/";
  std::optional<int> lora_layers;
  std::optional<int> lora_rank;
  std::optional<float> lora_scale;
  std::optional<float> lora_dropout;
  std::optional<std::vector<std::string>> lora_keys;
  int batch_size = 4;
  int iters = 1000;
  int val_batches = 25;
  float learning_rate = 1e-5f;
  int steps_per_report = 10;
  int steps_per_eval = 200;
  std::optional<std::string> resume_adapter_file;
  std::optional<std::string> adapter_file;
  int save_every = 100;
  int test_batches = 500;
  int max_seq_length = 2048;
  uint64_t seed = 0;
  bool grad_checkpoint = false;
  bool profile = false;
};

// What is said once, before the first step: millions with three digits, as the example has it.
std::string millions(size_t count) {
  return fmt::format("{:.3f}M", static_cast<double>(count) / 1e6);
}

void describe(const NamedData& data, const data::Dataset& set) {
  fmt::print("{}: {} examples, {} tokens (mean {:.1f}, longest {})\n", data.path_text(set.path),
             set.examples.size(), set.tokens(),
             static_cast<double>(set.tokens()) / static_cast<double>(set.examples.size()),
             set.longest());
}

void check(const LoraCommand& o) {
  if (!o.train && !o.test && !o.prompt) {
    fail_usage("nothing to do: give --train, --test or --prompt");
  }
  if (o.train) {
    if (o.adapter_file == "none") fail_usage("--train needs an --adapter-file to write");
    if (o.adapter_file) lora::check_adapter_path(*o.adapter_file);
    fs::path file = o.adapter_file.value_or("adapters.npz"), folder = file.parent_path();
    if (!folder.empty() && !fs::is_directory(folder)) {
      fail_usage("--adapter-file: there is no folder {}", folder.string());
    }
    check_writable(file);
    return;
  }
  if (o.resume_adapter_file) {
    fail_usage("--resume-adapter-file goes on training, and needs --train");
  }
  if (o.lora_layers || o.lora_rank || o.lora_scale || o.lora_dropout || o.lora_keys) {
    note(
        "Without --train the adapter itself says its layers, rank and scale: the --lora-... "
        "options have no part");
  }
}

lora::LoraSettings settings_for(const LoraCommand& o, const models::Model& model) {
  lora::LoraSettings s;
  s.rank = o.lora_rank.value_or(s.rank);
  s.scale = o.lora_scale.value_or(s.scale);
  s.dropout = o.lora_dropout.value_or(s.dropout);
  s.keys = o.lora_keys.value_or(model.default_lora_keys());
  if (o.lora_layers) {
    s.num_layers = *o.lora_layers;
  } else if (s.num_layers > model.num_layers()) {
    note("The model has {} layers: all are adapted", model.num_layers());
    s.num_layers = model.num_layers();
  }
  return s;
}

void check_resumed(const LoraCommand& o, const lora::LoraSettings& s) {
  auto differs = [&](const char* flag, auto given, auto held) {
    if (given && *given != held) {
      fail_usage("{} {} differs from {} of the adapter that is resumed", flag, *given, held);
    }
  };
  differs("--lora-rank", o.lora_rank, s.rank);
  differs("--lora-scale", o.lora_scale, s.scale);
}

lora::Adapters resumed(const LoraCommand& o, LoadedModel& loaded, const std::string& fingerprint,
                       Provenance& provenance) {
  lora::AdapterFile file = lora::read_adapter_file(*o.resume_adapter_file);
  provenance = file.provenance;
  if (o.lora_keys || o.lora_layers) {
    note("The adapter that is resumed says its layers: --lora-keys and --lora-layers have no part");
  }
  lora::warn_if_other_base(file, fingerprint);
  note("Resuming from {}", o.resume_adapter_file->c_str());
  if (file.settings && o.lora_dropout) file.settings->dropout = *o.lora_dropout;
  if (!file.settings && (o.lora_scale || o.lora_dropout)) {
    file.settings = lora::LoraSettings{};
    file.settings->scale = o.lora_scale.value_or(file.settings->scale);
    file.settings->dropout = o.lora_dropout.value_or(0);
    file.settings->num_layers = -1;
  }
  lora::Adapters adapters = lora::apply(*loaded.model, file);
  check_resumed(o, adapters.settings());
  return adapters;
}

// What an adapter's file says of a training, beside its results: no path of this machine.
HistoryEntry training_step(const LoraCommand& o, const lora::Adapters& adapters,
                           const std::optional<Origin>& origin) {
  const lora::LoraSettings& s = adapters.settings();
  HistoryEntry step{fmt::format("graft lora --model {} --train", name_in_command(origin)),
                    GRAFT_VERSION};
  step.facts = {{"LoRA rank", std::to_string(s.rank)},
                {"LoRA scale", fmt::format("{}", s.scale)},
                {"LoRA dropout", fmt::format("{}", s.dropout)},
                {"layers adapted", s.num_layers < 0 ? "all" : std::to_string(s.num_layers)},
                {"adapted", fmt::format("{}", fmt::join(s.keys, ", "))},
                {"optimizer", fmt::format("Adam, learning rate {}", o.learning_rate)},
                {"batch size", std::to_string(o.batch_size)},
                {"tokens of an example at most", std::to_string(o.max_seq_length)},
                {"seed", std::to_string(o.seed)}};
  return step;
}

std::vector<std::string> splits_of(const LoraCommand& o) {
  std::vector<std::string> splits;
  if (o.train) splits = {"train", "valid"};
  if (o.test) splits.push_back("test");
  return splits;
}

data::Dataset load_split(const LoraCommand& o, const NamedData& data, const char* split,
                         const LoadedModel& loaded) {
  data::Dataset set = data::load_dataset(data.folder, split, loaded.tokenizer,
                                         {.add_eos = o.add_eos_token != 0,
                                          .max_seq_length = o.max_seq_length,
                                          .vocab_size = loaded.model->vocab_size()});
  warn_of_cuts(set, o.max_seq_length);
  return set;
}

int train(const LoraCommand& o, const NamedData& data, LoadedModel& loaded) {
  data::Dataset train_set = load_split(o, data, "train", loaded);
  data::Dataset valid_set = load_split(o, data, "valid", loaded);
  std::string fingerprint = lora::fingerprint(loaded.folder);
  Provenance resumed_provenance;
  lora::Adapters adapters = o.resume_adapter_file
                                ? resumed(o, loaded, fingerprint, resumed_provenance)
                                : lora::attach(*loaded.model, settings_for(o, *loaded.model));
  size_t total = loaded.model->parameters(), trainable = adapters.parameters().count();
  fmt::print("Model {}: {} parameters, {}\n", o.model, millions(total), loaded.precision());
  fmt::print(
      "Trainable: {} parameters ({:.3f}%), LoRA rank {}, scale {}, {} layers\n",
      millions(trainable), 100.0 * static_cast<double>(trainable) / static_cast<double>(total),
      adapters.settings().rank, adapters.settings().scale,
      loaded.model->num_layers() - adapters.parameters().first_layer(loaded.model->num_layers()));
  describe(data, train_set);
  describe(data, valid_set);
  InterruptGuard guard;
  fmt::print("Starting training, iterations: {}\n", o.iters);
  std::fflush(stdout);

  training::TrainOptions t;
  t.iters = o.iters;
  t.batch_size = o.batch_size;
  t.learning_rate = o.learning_rate;
  t.val_batches = o.val_batches;
  t.steps_per_report = o.steps_per_report;
  t.steps_per_eval = o.steps_per_eval;
  t.save_every = o.save_every;
  t.adapter_file = o.adapter_file.value_or("adapters.npz");
  t.base_fingerprint = fingerprint;
  t.provenance = resumed_provenance;
  // An adapter on a model that was fine-tuned before is none for that one's origin.
  const Provenance base = provenance_of(loaded.folder.path());
  if (!t.provenance.origin && !base.is_finetuned()) t.provenance.origin = base.origin;
  if (data.name) t.provenance.add({.datasets = {*data.name}});
  t.provenance.steps.push_back(training_step(o, adapters, t.provenance.origin));
  t.seed = o.seed;
  t.grad_checkpoint = o.grad_checkpoint;
  t.profile = o.profile;
  training::TrainEnd end;
  {
    training::Trainer trainer(*loaded.model, adapters, train_set, valid_set, t,
                              training::Events({training::make_console_sink()}));
    end = trainer.run([&] { return guard.interrupted(); });
  }  // the live line is gone
  if (end == training::TrainEnd::finished) return 0;
  if (end == training::TrainEnd::interrupted_at_start) {
    note("Interrupted before the first step: nothing was saved");
  } else {
    note("Interrupted. To go on, give the same command with --resume-adapter-file {}",
         t.adapter_file.string());
  }
  return 130;
}

void test(const LoraCommand& o, const LoadedModel& loaded, const data::Dataset& set) {
  auto batches = data::evaluation_batches(set, o.batch_size, o.test_batches);
  LiveLine line;
  training::Evaluation result = training::evaluate(*loaded.model, batches, [&](size_t done) {
    double share = static_cast<double>(done) / static_cast<double>(batches.size());
    line.show(
        progress_line(share, {fmt::format("test {}/{}", done, batches.size())}, live_line_width()));
    return true;
  });
  line.clear();
  fmt::print("Test loss {:.3f}, Test ppl {:.3f}.\n", result.loss, result.perplexity());
  std::fflush(stdout);
}

void prompt(const LoraCommand& o, const LoadedModel& loaded) {
  generation::GenerateOptions options;
  options.max_tokens = o.max_tokens;
  options.sampler.temperature = o.temp;
  options.sampler.seed = o.seed;
  options.eos_ids = loaded.eos_ids();
  auto write = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  write(*o.prompt);
  generation::generate(*loaded.model, loaded.tokenizer, loaded.tokenizer.encode(*o.prompt), options,
                       write);
  write("\n");
}

int run(const LoraCommand& o) {
  check(o);
  const NamedData data = o.train || o.test ? named_data(o.data, splits_of(o)) : NamedData{};
  mlx::core::random::seed(o.seed);
  LoadedModel loaded = load(o.model);
  std::optional<lora::Adapters> adapters;
  std::optional<data::Dataset> test_set;  // read before the training, which may take hours
  if (o.test) {
    test_set = load_split(o, data, "test", loaded);
  }
  if (o.train) {
    if (int code = train(o, data, loaded); code != 0) return code;
  } else {
    adapters = use_adapter(loaded, o.adapter_file);
  }
  if (test_set) test(o, loaded, *test_set);
  if (o.prompt) prompt(o, loaded);
  return 0;
}

}  // namespace

void add_lora_command(CLI::App& app) {
  auto o = std::make_shared<LoraCommand>();
  CLI::App* command = app.add_subcommand(
      "lora", "Fine-tune a model with LoRA or QLoRA, measure its perplexity, try a prompt");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("--model", o->model,
                      "Folder of the model, converted or not, or its name on the Hub");
  command->add_flag("--train", o->train, "Fine-tune on train.jsonl, validating on valid.jsonl");
  command->add_flag("--test", o->test, "Measure loss and perplexity on test.jsonl");
  command->add_option("-p,--prompt", o->prompt, "A text to continue");
  command->add_option(
      "--data", o->data,
      "Folder with train.jsonl, valid.jsonl, test.jsonl, or a data set's name on the "
      "Hub");
  command->add_option("--adapter-file", o->adapter_file,
                      "Adapter to write (--train) or use; 'none' for the base model "
                      "[adapters.npz]");
  command->add_option("--resume-adapter-file", o->resume_adapter_file,
                      "Adapter to go on training from");
  command->add_option("--iters", o->iters, "Training iterations")->check(positive());
  command->add_option("--batch-size", o->batch_size, "Examples in a batch")->check(positive());
  command->add_option("--learning-rate", o->learning_rate, "Of Adam")->check(not_negative());
  command->add_option("--lora-layers,--num-layers", o->lora_layers,
                      "Layers to adapt, counted from the last; -1: all [16]");
  command->add_option("--lora-rank", o->lora_rank, "Rank of the adapters [8]")
      ->check(CLI::Range(1, 4096));
  command
      ->add_option("--lora-scale", o->lora_scale, "What the adapters' output is multiplied by [20]")
      ->check(finite());
  command
      ->add_option("--lora-dropout", o->lora_dropout,
                   "Share of the adapters' input set to zero while training [0]")
      ->check(number_between(0, 0.99));
  command
      ->add_option("--lora-keys", o->lora_keys,
                   "Linear layers to adapt, such as q_proj or self_attn.q_proj; 'all': every one "
                   "[what the model's family has as default]")
      ->delimiter(',')
      ->take_all();
  command
      ->add_option("--max-seq-length", o->max_seq_length,
                   "Tokens of an example; what is beyond is cut off")
      ->check(CLI::Range(2, 1 << 24));
  command
      ->add_option("--add-eos-token", o->add_eos_token,
                   "1: end every example with the tokenizer's EOS token; 0: leave it as it is")
      ->check(CLI::Range(0, 1));
  command->add_flag("--grad-checkpoint", o->grad_checkpoint,
                    "Compute each layer anew for its gradient: a third more time, far less memory "
                    "for long texts");
  command->add_flag("--profile", o->profile, "Show at the end of the training where its time went");
  command->add_option("--val-batches", o->val_batches, "Batches of a validation; -1: all")
      ->check(count_or_all());
  command->add_option("--steps-per-report", o->steps_per_report, "Iterations between reports")
      ->check(positive());
  command->add_option("--steps-per-eval", o->steps_per_eval, "Iterations between validations")
      ->check(positive());
  command->add_option("--save-every", o->save_every, "Iterations between saves of the adapter")
      ->check(positive());
  command->add_option("--test-batches", o->test_batches, "Batches of --test; -1: all")
      ->check(count_or_all());
  command->add_option("-m,--max-tokens", o->max_tokens, "Tokens that --prompt generates at most")
      ->check(positive());
  command->add_option("--temp", o->temp, "Temperature of --prompt; 0: the likeliest token")
      ->check(not_negative());
  command->add_option("--seed", o->seed, "Of all that is random");
  add_threads_option(*command, "Threads of the CPU kernels");
  command->callback([o] {
    if (int code = run(*o); code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace graft::cli
