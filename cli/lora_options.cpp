#include "cli/lora_options.h"

#include <cstdlib>

#include "cli/config_file.h"
#include "cli/data_options.h"
#include "cli/number_checks.h"
#include "cli/optimizer_options.h"
#include "cli/size_option.h"
#include "cli/taken_options.h"
#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/lora/adapter_path.h"

namespace graft::cli {
namespace {

void check_written_adapter(const LoraOptions& o) {
  if (o.adapter_file == "none") {
    fail_usage("{} needs an --adapter-file to write", o.train ? "--train" : "--find-lr");
  }
  const fs::path file = o.tune.train.adapter_file, folder = file.parent_path();
  lora::check_adapter_path(file);
  // The folder of a layout is made, as mlx-lm and PEFT do; one in the path of a file is not.
  if (o.adapter_path || file != without_trailing_slash(o.adapter_file.value_or(file.string()))) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) fail("cannot create {}: {}", folder.string(), error.message());
  }
  if (!folder.empty() && !is_folder(folder)) {
    fail_usage("--adapter-file: there is no folder {}", folder.string());
  }
  check_writable(file);
}

// Before the model is loaded, which may take minutes.
void check_optimizer(const LoraOptions& o) {
  const training::TrainOptions& train = o.tune.train;
  training::make_optimizer(train.optimizer);
  const training::ScheduleOptions& schedule = train.schedule;
  if (schedule.length > 0 && !schedule.arguments.empty()) {
    fail_usage("--schedule-iters is no option of schedule {}, whose arguments say it",
               schedule.name);
  }
  if (!o.tune.epochs || schedule.length > 0) training::schedule_of_run(schedule, train.iters);
}

// A learning rate that is given, or searched, must have a part.
void use_given_rate(LoraOptions& o, bool rate_given, bool arguments_given) {
  training::ScheduleOptions& schedule = o.tune.train.schedule;
  const char* flag = o.find_lr ? "--find-lr" : "--learning-rate";
  if (o.find_lr || rate_given) {
    if (arguments_given) {
      fail_usage("{} has no part beside --schedule-arguments, the first of which is the rate",
                 flag);
    }
    if (o.tune.train.optimizer.relative_step.value_or(false)) {
      fail_usage("{} has no part with --relative-step, which makes its own rate", flag);
    }
  }
  if (schedule.arguments.empty()) return;
  if (rate_given) schedule.arguments[0] = schedule.learning_rate;
  schedule.learning_rate = schedule.arguments[0];
}

bool asks_for_adapters(const engine::AdapterOptions& adapter) {
  return adapter.num_layers || adapter.rank || adapter.scale || adapter.dropout || adapter.keys ||
         adapter.type || adapter.rslora || adapter.init || adapter.layers || adapter.extra;
}

// With --resume: finds the checkpoint, and takes from it what is not given.
void resume(CLI::App& command, LoraOptions& o, FrontEnd& front_end) {
  if (!o.resume) return;
  const std::string named = o.resume->empty() ? o.adapter_file.value_or("adapters.npz") : *o.resume;
  o.tune.resume = training::Checkpoints::find(named, front_end);
  take_options(command, taken_from(o.tune.resume->identity.config, "the checkpoint"));
  o.train = true;
  // The adapter that its training writes.
  const std::optional<fs::path> own = o.tune.resume->trained_file();
  const bool given = o.adapter_file.has_value();
  if (!given && !own) {
    fail_usage("{} does not lie where its training put it: give the --adapter-file to write",
               o.tune.resume->folder.string());
  }
  const auto is_own = [&](const fs::path& path) {
    const fs::path whole = absolute_path(path).lexically_normal();
    return whole == *own || whole == own->parent_path();  // a folder of mlx-lm or PEFT
  };
  if (given && own && !is_own(without_trailing_slash(*o.adapter_file))) {
    fail_usage("--adapter-file {} is not the adapter of {}: --resume goes on writing {}",
               *o.adapter_file, o.tune.resume->folder.string(), own->string());
  }
  if (own) o.adapter_file = own->lexically_relative(absolute_path(".")).string();
  if (own && o.adapter_file->starts_with("..")) o.adapter_file = own->string();
}

fs::path adapter_to_train(const LoraOptions& o) {
  const bool in_a_folder = o.format && *o.format != "npz";
  const std::string otherwise = in_a_folder ? "adapters" : "adapters.npz";
  return lora::adapter_to_write(o.adapter_file.value_or(otherwise), o.format);
}

// Whoever started it, with a name for the whole, starts it again where it fails: then it goes on
// from what it has written itself.
void go_on_with_own_run(LoraOptions& o) {
  const char* run = std::getenv("GRAFT_RUN");
  if (run == nullptr || !o.train || o.find_lr) return;
  o.tune.train.identity.run = run;
  if (o.resume) return;
  const fs::path file = adapter_to_train(o), folder = training::Checkpoints::folder_of(file);
  if (!is_folder(folder)) return;
  try {
    if (training::Checkpoints::newest(folder, *silent_front_end()).identity.run == run) {
      o.resume = file.string();
    }
  } catch (const Error&) {  // none that is whole
  }
}

// A limit that only a configuration or a checkpoint has, of a training, is none of what takes the
// whole model.
void leave_limit_of_training(LoraOptions& o, FrontEnd& front_end) {
  if (!o.tune.trunk.limit || !(o.find_lr || o.prompt)) return;
  o.tune.trunk.limit.reset();
  front_end.note("The training's --memory has no part: {} takes the whole model",
                 o.find_lr ? "--find-lr" : "--prompt");
}

// Completes options that depend on each other.
void finish(LoraOptions& o, FrontEnd& front_end) {
  if (!o.train && !o.test && !o.prompt && !o.find_lr) {
    fail_usage("nothing to do: give --train, --find-lr, --test or --prompt");
  }
  if (o.tune.trunk.limit && (o.find_lr || o.prompt)) {
    fail_usage("--memory is for --train and --test: --find-lr and --prompt take the whole model");
  }
  check_data_options(o.data, o.tune.render);
  if (o.batch_tokens > 0 && !o.pack) fail_usage("--batch-tokens is of --pack alone");
  if (o.pack) {
    const int64_t length = o.tune.render.max_seq_length;
    o.tune.train.batch_tokens = o.batch_tokens > 0 ? o.batch_tokens : length;
  }
  o.tune.command = [](const std::string& model) {
    return fmt::format("graft lora --model {} --train", model);
  };
  if (o.train || o.find_lr) {
    o.tune.train.adapter_file = adapter_to_train(o);
    check_optimizer(o);
    return o.only_planned ? void() : check_written_adapter(o);
  }
  if (o.tune.adapter.resume_adapter_file) {
    fail_usage("--resume-adapter-file goes on training, and needs --train");
  }
  if (asks_for_adapters(o.tune.adapter)) {
    front_end.note(
        "Without --train the adapter itself says its layers, rank and scale: the --lora-... "
        "options have no part");
  }
}

// What is meant for "off" or "auto" makes no folder. What is wrong, or "".
std::string no_word_of_a_folder(const std::string& given) {
  for (const char* word : {"false", "no", "none", "0", "true", "yes", "on", "1"}) {
    if (given != word) continue;
    return fmt::format("{} is neither auto nor off; a folder of that name is ./{}", word, word);
  }
  return {};
}

void add_trunk_options(CLI::App& command, engine::TrunkOptions& trunk) {
  trunk.cache = "auto";
  command
      .add_option(
          "--trunk-cache", trunk.cache,
          "What the layers below the lowest adapter give for an example is computed once and "
          "kept: auto (where examples come more than once, in memory and in a folder of "
          "the user's cache, which later trainings share), off, or a folder")
      ->check(no_word_of_a_folder)
      ->option_text("auto|off|FOLDER [auto]");
  add_size_option(
      command, "--trunk-memory", [&trunk](uint64_t bytes) { trunk.memory = bytes; },
      "Bytes of that in memory at most, such as 2GB [an eighth of what is free]");
  add_size_option(
      command, "--trunk-cache-max", [&trunk](uint64_t bytes) { trunk.most = bytes; },
      "Bytes of that in the folder at most: what was not used for the longest time goes first")
      ->option_text("SIZE [20GB]");
  add_limit_option(
      command, "--memory", [&trunk](std::optional<uint64_t> bytes) { trunk.limit = bytes; },
      "Memory that the process may use, such as 2GB: what the layers below the lowest adapter give "
      "is computed before the first step, some layers at a time, and layers that do not fit go "
      "through memory in each step; for --test, too");
  command
      .add_option("--trunk-bits", trunk.bits,
                  "Keep it in so many bits a number, 8, which is not exact [as it is]")
      ->check(CLI::IsMember({8}))
      ->option_text("8");
}

}  // namespace

void add_lora_options(CLI::App& command, LoraOptions& o) {
  engine::AdapterOptions& adapter = o.tune.adapter;
  training::TrainOptions& train = o.tune.train;
  command.option_defaults()->always_capture_default()->take_last();
  command.add_option("--config", o.config,
                     "YAML file with more options, by the names of these or by mlx-lm's, or an "
                     "adapter (a file of any layout, or its folder) or checkpoint, which hold "
                     "their training's");
  command.add_option("--model", o.model,
                     "Folder of the model, converted or not, or its name on the Hub");
  command.add_flag(
      "--train", o.train,
      "Fine-tune on the training set, validating on the validation set, if there is one");
  command.add_flag("--find-lr", o.find_lr,
                   "Find a learning rate for such a training: 100 steps of a growing one, after "
                   "which the adapter is as before; draws the curve");
  command.add_flag("--test", o.test, "Measure loss and perplexity on the test set");
  command.add_option("-p,--prompt", o.prompt, "A text to continue");
  add_data_options(command, o.data);
  CLI::Option* adapter_file =
      command.add_option("--adapter-file", o.adapter_file,
                         "Adapter to write (--train) or use, also by its name on the Hub; 'none' "
                         "for the base model [adapters.npz]");
  command
      .add_option("--adapter-path", o.adapter_path,
                  "The same by its folder, as mlx-lm has it: adapters.safetensors in there")
      ->excludes(adapter_file);
  command.add_option("--format", o.format,
                     fmt::format("Layout of the adapter that --train writes: {} [by the path; "
                                 "mlx-lm for a folder]",
                                 lora::known_formats()));
  command.add_option("--resume-adapter-file", adapter.resume_adapter_file,
                     "Adapter to go on training from");
  command
      .add_option("--resume", o.resume,
                  "Go on exactly where a training was stopped: a checkpoint, or the adapter of "
                  "which the newest is taken [that of --adapter-file]; options that are not given "
                  "are the checkpoint's")
      ->expected(0, 1)
      ->option_text("[CHECKPOINT]");
  CLI::Option* iters =
      command.add_option("--iters", train.iters, "Training iterations")->check(positive());
  command
      .add_option("--epochs", o.tune.epochs, "Passes over the training set, in place of --iters")
      ->check(above_zero())
      ->excludes(iters);
  command.add_option("--batch-size", train.batch_size, "Examples in a batch")->check(positive());
  command
      .add_option("--grad-accumulation,--grad-accumulation-steps", train.batches_a_step,
                  "Batches whose gradients make one step, each token with the same weight")
      ->check(positive());
  add_optimizer_options(command, train);
  command
      .add_option_function<std::string>(
          "--fine-tune-type",
          [&adapter](const std::string& name) { adapter.type = lora::fine_tune_type(name); },
          "What is trained: lora (adapters), dora (these with norms of the weights' rows, which "
          "learn more at a low rank, arXiv:2402.09353) or full (the layers' weights themselves)")
      ->check(CLI::IsMember({"lora", "dora", "full"}))
      ->option_text("TEXT:{lora,dora,full} [lora]");
  command
      .add_option("--train-extra", adapter.extra,
                  "What is trained as it is, besides: norms and biases (of the layers to adapt), "
                  "outside (embedding, final norm, head), or modules, such as lm_head")
      ->delimiter(',')
      ->take_all();
  command
      .add_option("--lora-layers,--num-layers", adapter.num_layers,
                  "Layers to adapt, counted from the last; -1: all [16]")
      ->check(count_or_all());
  command.add_option("--lora-rank", adapter.rank, "Rank of the adapters [8]")
      ->check(CLI::Range(1, 4096));
  command
      .add_option("--lora-scale", adapter.scale, "What the adapters' output is multiplied by [20]")
      ->check(finite());
  command
      .add_option("--lora-dropout", adapter.dropout,
                  "Share of the adapters' input set to zero while training [0]")
      ->check(number_between(0, 0.99));
  command
      .add_option("--lora-keys", adapter.keys,
                  "Linear layers to adapt, such as q_proj or self_attn.q_proj; 'all': every one of "
                  "the layers; also embed_tokens and lm_head, which are outside of these [what the "
                  "model's family has as default]")
      ->delimiter(',')
      ->take_all();
  command.add_flag("--rslora", adapter.rslora,
                   "Rank-stabilized LoRA: --lora-scale is divided by the square root of the rank, "
                   "as PEFT's lora_alpha with use_rslora (arXiv:2312.03732)");
  command.add_option(
      "--init", adapter.init,
      "How adapters begin, as PEFT's init_lora_weights: default, gaussian, pissa (the largest "
      "singular values of the weights, arXiv:2404.02948), pissa_niter_N (the same by N iterations, "
      "for large layers), olora (a QR factorization, arXiv:2406.01775) [default]");
  command.add_option("--lora-config", adapter.layers,
                     "Which layers to adapt and each one's rank and scale: a JSON or YAML file, or "
                     "JSON itself, with the keys of PEFT's LoraConfig");
  add_render_options(command, o.tune.render);
  command.add_flag("--pack", o.pack,
                   "Fill batches with whole examples, which do not see each other, up to "
                   "--batch-tokens, in place of --batch-size");
  command
      .add_option("--batch-tokens", o.batch_tokens, "Tokens of a packed batch [--max-seq-length]")
      ->check(CLI::Range(1, 1 << 30));
  command.add_flag("--group-by-length", train.group_by_length,
                   "Make batches of examples that are about as long as each other");
  command.add_flag("--grad-checkpoint", train.grad_checkpoint,
                   "Gradient checkpointing: compute each layer again for its gradient; a third "
                   "more time, far less memory for long texts");
  add_trunk_options(command, o.tune.trunk);
  command
      .add_option_function<std::string>(
          "--wire-type",
          [&train](const std::string& name) {
            train.wire =
                name == "bfloat16" ? distributed::WireType::bf16 : distributed::WireType::f32;
          },
          "Of gradients between the processes of a training: float32, or bfloat16, which is half "
          "as much and rounds each one's part")
      ->default_str("float32")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->option_text("float32|bfloat16 [float32]");
  command.add_flag("--profile", train.profile,
                   "Show at the end of the training where its time went");
  command.add_option("--val-batches", train.val_batches, "Batches of a validation; -1: all")
      ->check(count_or_all());
  command.add_option("--steps-per-report", train.steps_per_report, "Iterations between reports")
      ->check(positive());
  command.add_option("--steps-per-eval", train.steps_per_eval, "Iterations between validations")
      ->check(positive());
  command.add_option("--save-every", train.save_every, "Iterations between saves of the adapter")
      ->check(positive());
  command
      .add_option("--keep", train.keep,
                  "Checkpoints that stay, besides that of the best validation")
      ->check(positive());
  command
      .add_option("--patience", train.patience,
                  "Validations without improvement that end the training; 0: none do")
      ->check(not_negative());
  command
      .add_option("--max-bad-steps", train.max_bad_steps,
                  "Steps in a row whose loss is not finite, before the training stops")
      ->check(positive());
  command.add_flag("--tensorboard", o.tensorboard,
                   "Write event files for TensorBoard, too, beside the metrics and the report in "
                   "the adapter's .run folder");
  command
      .add_option("--sample-prompt", o.samples.prompts,
                  "A text that the report shows continued, before the training and after it; can "
                  "be given several times [beginnings of the first three validation texts]")
      ->allow_extra_args(false)
      ->take_all();
  command
      .add_option("--sample-tokens", o.samples.tokens,
                  "Tokens of each of these continuations at most; 0: none are made")
      ->check(CLI::Range(0, 1 << 20));
  command.add_option("--test-batches", o.test_batches, "Batches of --test; -1: all")
      ->check(count_or_all());
  command.add_option("-m,--max-tokens", o.max_tokens, "Tokens that --prompt generates at most")
      ->check(positive());
  command.add_option("--temp", o.temp, "Temperature of --prompt; 0: the likeliest token")
      ->check(not_negative());
  command.add_flag("--force", o.force, "Train although it will not fit into memory");
  command.add_option("--seed", train.seed, "Of all that is random")->check(seed());
}

void complete_lora_options(CLI::App& command, LoraOptions& o, FrontEnd& front_end) {
  if (o.resume && o.tune.adapter.resume_adapter_file) {
    fail_usage(
        "--resume goes on with a whole training, --resume-adapter-file with an adapter "
        "alone: give one of them");
  }
  if (o.find_lr && (o.test || o.prompt || o.resume)) {
    fail_usage(
        "--find-lr only finds a learning rate: give it without --test, --prompt and --resume");
  }
  const bool finds = o.find_lr, trains = o.train;
  const bool rate_given = command.get_option("--learning-rate")->count() > 0;
  const bool arguments_given = command.get_option("--schedule-arguments")->count() > 0;
  const bool limit_given = command.get_option("--memory")->count() > 0;
  if (o.config) take_config(command, *o.config, front_end);
  if (trains && !finds) o.find_lr = false;
  if (o.find_lr) {  // in place of what the configuration would do
    o.train = o.test = false;
    o.prompt.reset();
    o.resume.reset();
  }
  if (o.adapter_path) {
    o.adapter_file = lora::adapter_to_write(*o.adapter_path, "mlx-lm").string();
  }
  go_on_with_own_run(o);
  resume(command, o, front_end);
  use_given_rate(o, rate_given, arguments_given);
  if (!limit_given) leave_limit_of_training(o, front_end);
  finish(o, front_end);
}

ordered_json named_options(const LoraOptions& o) {
  ordered_json named = {{"model", o.model},
                        {"train", true},
                        {"tensorboard", o.tensorboard},
                        {"sample_tokens", o.samples.tokens}};
  named.update(recorded_options(o.data));
  if (o.pack) {
    named["pack"] = true;
    named["batch_tokens"] = o.tune.train.batch_tokens;
  }
  if (!o.samples.prompts.empty()) named["sample_prompt"] = o.samples.prompts;
  return named;
}

}  // namespace graft::cli
