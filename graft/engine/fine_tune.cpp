#include "graft/engine/fine_tune.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/machine.h"
#include "graft/base/memory.h"
#include "graft/base/threads.h"
#include "graft/data/data_name.h"
#include "graft/data/option_names.h"
#include "graft/engine/memory_limit.h"
#include "graft/engine/named_model.h"
#include "graft/engine/rank_check.h"
#include "graft/lora/fingerprint.h"
#include "graft/lora/layer_config.h"
#include "graft/ops/backend.h"
#include "graft/report/run_facts.h"
#include "graft/training/in_place_step.h"

namespace graft::engine {
namespace {

template <class Value>
void add_if_given(ordered_json& config, const char* name, const std::optional<Value>& value) {
  if (value) config[name] = *value;
}

void add_optimizer(const training::OptimizerOptions& o, ordered_json& config) {
  config["optimizer"] = o.name;
  add_if_given(config, "beta1", o.beta1);
  add_if_given(config, "beta2", o.beta2);
  add_if_given(config, "eps", o.eps);
  add_if_given(config, "weight_decay", o.weight_decay);
  add_if_given(config, "bias_correction", o.bias_correction);
  add_if_given(config, "momentum", o.momentum);
  add_if_given(config, "dampening", o.dampening);
  add_if_given(config, "nesterov", o.nesterov);
  add_if_given(config, "ns_steps", o.ns_steps);
  add_if_given(config, "relative_step", o.relative_step);
  add_if_given(config, "scale_parameter", o.scale_parameter);
  add_if_given(config, "adafactor_warmup_init", o.warmup_init);
  add_if_given(config, "scale_eps", o.scale_eps);
  add_if_given(config, "clip_threshold", o.clip_threshold);
  add_if_given(config, "adafactor_decay_rate", o.decay_rate);
  config["adam_bits"] = o.adam_bits;
  config["lora_plus_ratio"] = o.lora_plus_ratio;
}

void add_schedule(const training::ScheduleOptions& o, int iters, ordered_json& config) {
  config["learning_rate"] = o.learning_rate;
  config["schedule"] = o.name;
  if (!o.arguments.empty()) {
    config["schedule_arguments"] = o.arguments;
  } else if (o.name != "constant" || o.warmup > 0) {
    config["schedule_iters"] = o.length == 0 ? iters : o.length;
  }
  config["warmup"] = o.warmup;
  config["warmup_init"] = o.warmup_init;
  add_if_given(config, "min_lr", o.min_lr);
  add_if_given(config, "decay_rate", o.decay_rate);
  add_if_given(config, "step_size", o.step_size);
  add_if_given(config, "decay_share", o.decay_share);
}

void add_adapters(const AdapterOptions& o, const lora::LoraSettings& s, ordered_json& config) {
  if (o.layers) {
    config["lora_config"] = s.layers ? s.layers->json().dump() : *o.layers;
    return;
  }
  // As it was given: divided and multiplied again, it might be another.
  const double given =
      s.rank_stabilized ? s.scale * std::sqrt(static_cast<double>(s.rank)) : s.scale;
  config.update({{"lora_rank", s.rank},
                 {"lora_scale", report::setting(o.scale.value_or(static_cast<float>(given)))},
                 {"lora_dropout", report::setting(s.dropout)},
                 {"lora_keys", s.keys}});
  if (s.type != lora::FineTuneType::lora) config["fine_tune_type"] = lora::name_of(s.type);
  if (s.rank_stabilized) config["rslora"] = true;
  if (o.init && *o.init != "default") config["init"] = *o.init;
}

// What is not the default: a checkpoint from before there was a choice goes on, too.
void add_rendering(const data::RenderOptions& o, ordered_json& config) {
  if (o.train_on) config["train_on"] = data::name_of(*o.train_on);
  if (o.raw_pairs) config["raw_pairs"] = true;
  if (o.overlong != data::Overlong::truncate) config["overlong"] = data::name_of(o.overlong);
  if (o.overlap > 0) config["overlap"] = o.overlap;
}

// How a trunk is kept, where it is not as by default. But for `trunk_bits` the steps are the same.
void add_trunk(const TrunkOptions& o, ordered_json& config) {
  const TrunkOptions defaults;
  if (o.cache != defaults.cache) config["trunk_cache"] = o.cache;
  if (o.memory) config["trunk_memory"] = *o.memory;
  if (o.most != defaults.most) config["trunk_cache_max"] = o.most;
  if (o.limit) config["memory"] = *o.limit;
  if (o.bits != 0) config["trunk_bits"] = o.bits;
}

float stabilized(float scale, int rank) {
  return static_cast<float>(scale / std::sqrt(static_cast<double>(rank)));
}

lora::LoraSettings settings_for(const AdapterOptions& o, const models::Model& model,
                                FrontEnd& front_end) {
  lora::LoraSettings s;
  if (o.layers) {
    if (o.rank || o.scale || o.dropout || o.keys || o.type || o.rslora || o.init || o.extra) {
      fail_usage(
          "`lora_config` says rank, scale, dropout, keys, type and initial weights, and has no "
          "`train_extra`: give these there");
    }
    const auto layers = std::make_shared<const lora::LayerConfig>(
        lora::LayerConfig::read(*o.layers, model.default_lora_keys()));
    s = layers->settings();
    s.layers = layers;
    s.num_layers = o.num_layers.value_or(-1);
    return s;
  }
  s.type = o.type.value_or(s.type);
  s.extra = o.extra.value_or(s.extra);
  if (s.type == lora::FineTuneType::full &&
      (o.rank || o.scale || o.dropout || o.keys || o.rslora || o.init)) {
    fail_usage(
        "`rank`, `scale`, `dropout`, `keys`, `rslora` and `init` are adapters', which "
        "`fine_tune_type` full has not");
  }
  s.rank = o.rank.value_or(s.rank);
  s.scale = o.scale.value_or(s.scale);
  s.rank_stabilized = o.rslora;
  if (o.rslora) s.scale = stabilized(s.scale, s.rank);
  if (o.init) s.initial = lora::InitialWeights::parse(*o.init, "`init`");
  s.dropout = o.dropout.value_or(s.dropout);
  if (s.type != lora::FineTuneType::full) s.keys = o.keys.value_or(model.default_lora_keys());
  if (o.num_layers) {
    s.num_layers = *o.num_layers;
  } else if (s.num_layers > model.num_layers()) {
    front_end.note("The model has {} layers: all are {}", model.num_layers(),
                   s.type == lora::FineTuneType::full ? "trained" : "adapted");
    s.num_layers = model.num_layers();
  }
  return s;
}

template <class Number>
void check_same(const char* option, const std::optional<Number>& given, Number held) {
  if (given && *given != held) {
    fail_usage("`{}` {} differs from {} of the adapter that is resumed", option, *given, held);
  }
}

// With `rslora`, the given scale is the held one before it is divided.
void check_same_scale(const AdapterOptions& o, const lora::LoraSettings& held) {
  if (o.rslora && !held.rank_stabilized) {
    fail_usage("`rslora` differs from the adapter that is resumed, which has none");
  }
  if (!o.scale || !held.rank_stabilized) return check_same("scale", o.scale, held.scale);
  check_same("scale", std::optional(stabilized(*o.scale, held.rank)), held.scale);
}

void check_same_kind(const AdapterOptions& o, const lora::LoraSettings& held) {
  if (o.type && *o.type != held.type) {
    fail_usage("`fine_tune_type` {} differs from {} of what is resumed", lora::name_of(*o.type),
               lora::name_of(held.type));
  }
  if (o.extra && *o.extra != held.extra) {
    fail_usage("`train_extra` {} differs from {} of what is resumed", fmt::join(*o.extra, ","),
               held.extra.empty() ? "none" : fmt::format("{}", fmt::join(held.extra, ",")));
  }
}

lora::Adapters resumed(const AdapterOptions& o, LoadedModel& loaded, FrontEnd& front_end,
                       training::TrainOptions& train) {
  lora::AdapterFile file = lora::read_adapter_file(*o.resume_adapter_file);
  train.origin.provenance = file.provenance;
  if (o.keys || o.num_layers) {
    front_end.note(
        "The adapter that is resumed says its layers: `keys` and `num_layers` have no part");
  }
  lora::warn_if_other_base(file, train.origin.base_fingerprint, front_end);
  front_end.note("Resuming from {}", o.resume_adapter_file->string());
  if (file.settings && o.dropout) file.settings->dropout = *o.dropout;
  if (!file.settings && (o.scale || o.dropout)) {
    file.settings = lora::LoraSettings{};
    file.settings->scale = o.scale.value_or(file.settings->scale);
    file.settings->dropout = o.dropout.value_or(0);
    file.settings->num_layers = -1;
  }
  lora::check_fits(*loaded.model, file);
  check_same("rank", o.rank, lora::rank_of(file));
  if (file.settings) check_same_scale(o, *file.settings);
  return lora::apply(*loaded.model, file, front_end);
}

// Those of a checkpoint, which options that are given must agree with.
lora::Adapters of_checkpoint(const training::Checkpoint& checkpoint, const AdapterOptions& o,
                             LoadedModel& loaded, FrontEnd& front_end) {
  const lora::AdapterFile file = lora::read_adapter_file(checkpoint.adapter_file);
  lora::check_fits(*loaded.model, file);
  if (!file.settings) fail("{}: has no settings", checkpoint.adapter_file.string());
  check_same("rank", o.rank, file.settings->rank);
  check_same_scale(o, *file.settings);
  check_same("dropout", o.dropout, file.settings->dropout);
  check_same("num_layers", o.num_layers, file.settings->num_layers);
  if (o.keys && *o.keys != file.settings->keys) {
    fail_usage("`keys` {} differ from {} of the checkpoint", fmt::join(*o.keys, ","),
               fmt::join(file.settings->keys, ","));
  }
  return lora::apply(*loaded.model, file, front_end);
}

lora::Adapters make_adapters(LoadedModel& loaded, FineTuneOptions& options, FrontEnd& front_end) {
  options.train.origin.base_fingerprint = lora::fingerprint(loaded.folder);
  options.train.origin.base = lora::BaseShape::of(loaded.folder);
  options.train.origin.base.tied_head = loaded.model->untied_embedding() == nullptr;
  if (options.resume) {
    // As the checkpoint has it, whatever file or spelling it was given in.
    if (auto& layers = options.adapter.layers) {
      layers = lora::LayerConfig::read(*layers, loaded.model->default_lora_keys()).json().dump();
    }
    options.train.origin.provenance =
        io::Provenance::from_json(options.resume->identity.provenance);
    lora::Adapters adapters = of_checkpoint(*options.resume, options.adapter, loaded, front_end);
    check_same_kind(options.adapter, adapters.settings());
    return adapters;
  }
  if (options.adapter.resume_adapter_file) {
    if (options.adapter.layers || options.adapter.init) {
      front_end.note(
          "The adapter that is resumed is not a new one: `lora_config` and `init` have "
          "no part");
      options.adapter.layers.reset();
      options.adapter.init.reset();
    }
    lora::Adapters adapters = resumed(options.adapter, loaded, front_end, options.train);
    check_same_kind(options.adapter, adapters.settings());
    return adapters;
  }
  return lora::attach(*loaded.model, settings_for(options.adapter, *loaded.model, front_end),
                      options.only_planned ? lora::Fresh::unread : lora::Fresh::random);
}

}  // namespace

FineTune::FineTune(LoadedModel& loaded, FineTuneOptions options, FrontEnd& front_end,
                   const distributed::Group& ranks)
    : loaded_(loaded),
      options_(std::move(options)),
      front_end_(front_end),
      ranks_(ranks),
      adapters_(make_adapters(loaded_, options_, front_end_)) {
  training::TrainOptions& train = options_.train;
  options_.trunk.sharers = ranks_.on_this_host();
  lora::check_layout(train.adapter_file, adapters_, train.origin);
  record(full_config(train.iters));
  train.identity.threads = num_threads();
  if (options_.resume) {
    const auto others =
        training::differences(options_.resume->identity.config, train.identity.config);
    if (!others.empty()) {
      fail_usage("the checkpoint {} is of another training: {}", options_.resume->folder.string(),
                 fmt::join(others, "; "));
    }
    train.identity.provenance = options_.resume->identity.provenance;
    return;
  }
  // If the model was fine-tuned before, its origin is not the base of this adapter.
  const io::Provenance base = provenance_of(loaded_.folder.path());
  if (!train.origin.provenance.origin && !base.is_finetuned())
    train.origin.provenance.origin = base.origin;
  train.origin.provenance.add({.datasets = options_.datasets});
  train.origin.provenance.steps.push_back(history_entry());
  // As it is read again: a long text, say, is not kept.
  train.origin.provenance = io::Provenance::from_json(train.origin.provenance.to_json());
  train.identity.provenance = train.origin.provenance.to_json();
}

// Whether a name, or one of several, is a path here.
bool FineTune::names_a_file(const ordered_json& named) {
  if (named.is_array()) return std::any_of(named.begin(), named.end(), names_a_file);
  return is_there(data::DataName::parse(named.get<std::string>()).name);
}

// In full in the checkpoints. An adapter travels: the names of this machine's files stay here, and
// so does what has no part in what it is.
void FineTune::record(ordered_json config) {
  options_.train.identity.config = config;
  for (const char* name : {"model", "data"}) {
    const auto named = config.find(name);
    if (named != config.end() && names_a_file(*named)) config.erase(name);
  }
  if (config.erase("resume_adapter_file") > 0) config["began_with_an_adapter"] = true;
  for (const char* name :
       {"save_every", "keep", "patience", "max_bad_steps", "tensorboard", "sample_prompt",
        "sample_tokens", "memory", "trunk_cache", "trunk_cache_max", "trunk_memory"}) {
    config.erase(name);
  }
  options_.train.origin.config = std::move(config);
}

ordered_json FineTune::config_on(const data::Dataset& train) const {
  return full_config(iterations_on(train));
}

ordered_json FineTune::full_config(int iters) const {
  const lora::LoraSettings& s = adapters_.settings();
  const training::TrainOptions& train = options_.train;
  ordered_json config = options_.named;
  if (options_.adapter.resume_adapter_file) {
    config["resume_adapter_file"] = options_.adapter.resume_adapter_file->string();
  }
  config.update({{"threads", num_threads()},
                 {"batch_size", train.batch_size},
                 {"grad_accumulation", train.batches_a_step},
                 {"iters", iters},
                 {"lora_layers", s.num_layers}});
  add_adapters(options_.adapter, s, config);
  config.update({{"max_seq_length", options_.render.max_seq_length},
                 {"add_eos_token", options_.render.add_eos ? 1 : 0},
                 {"grad_checkpoint", train.grad_checkpoint},
                 {"grad_clip", report::setting(train.max_norm)},
                 {"seed", train.seed},
                 {"val_batches", train.val_batches},
                 {"steps_per_report", train.steps_per_report},
                 {"steps_per_eval", train.steps_per_eval},
                 {"save_every", train.save_every},
                 {"keep", train.keep},
                 {"patience", train.patience},
                 {"max_bad_steps", train.max_bad_steps}});
  // What is not the default, as below.
  if (s.type == lora::FineTuneType::full) {
    config["fine_tune_type"] = lora::name_of(s.type);
    for (const char* name : {"lora_rank", "lora_scale", "lora_dropout", "lora_keys"}) {
      config.erase(name);
    }
  }
  if (!s.extra.empty()) config["train_extra"] = s.extra;
  add_rendering(options_.render, config);
  if (train.group_by_length) config["group_by_length"] = true;
  add_trunk(options_.trunk, config);
  if (ops::activations_in_use() == ops::Activations::int8) config["activations"] = "int8";
  if (train.wire == distributed::WireType::bf16) config["wire_type"] = "bfloat16";
  add_optimizer(train.optimizer, config);
  add_schedule(train.schedule, iters, config);
  return config;
}

void FineTune::say_where_the_rate_ends() const {
  const training::TrainOptions& train = options_.train;
  const int64_t length = training::given_length(train.schedule);
  if (length == 0) return;
  const auto cut =
      training::cut_short(training::make_schedule(train.schedule), length, train.iters);
  if (cut) front_end_.note("{}", *cut);
}

// Steps of so many passes over the examples.
int FineTune::iterations(const data::Dataset& train, double epochs) const {
  const training::TrainOptions& o = options_.train;
  const int64_t batches =
      data::Sampler::batches_in(train, training::batch_options(o), o.seed, epochs);
  const double steps = std::ceil(static_cast<double>(batches) / o.batches_a_step);
  if (!(steps <= std::numeric_limits<int>::max())) fail_usage("`epochs` {} are too many", epochs);
  return std::max(1, static_cast<int>(steps));
}

// Whether model, tokenizer and data are those of the checkpoint.
void FineTune::check_resumed(const data::Dataset& train, const data::Dataset& valid) {
  training::Identity& identity = options_.train.identity;
  identity.fingerprints = {{"model", options_.train.origin.base_fingerprint},
                           {"tokenizer", loaded_.tokenizer.fingerprint()},
                           {"training data", data::fingerprint(train)},
                           {"validation data", data::fingerprint(valid)}};
  if (!options_.resume) {
    const fs::path& file = options_.train.adapter_file;
    if (const auto done = training::Checkpoints::unfinished(file)) {
      front_end_.warn(
          "{} holds an earlier training that was stopped after iteration {}: the first save of "
          "this one replaces it, unless you stop this now and resume that",
          training::Checkpoints::folder_of(file).string(), *done);
    }
    return;
  }
  const std::string checkpoint = options_.resume->folder.string();
  for (const auto& [name, value] : identity.fingerprints.items()) {
    if (options_.resume->identity.fingerprints.value(name, ordered_json()) != value) {
      fail("the checkpoint {} is of another training: its {} is not this one's", checkpoint, name);
    }
  }
  if (options_.resume->iteration() > options_.train.iters) {
    fail_usage("the checkpoint {} has done {} iterations, more than `iters` {}", checkpoint,
               options_.resume->iteration(), options_.train.iters);
  }
  const int threads = options_.resume->identity.threads;
  if (threads != identity.threads) {
    front_end_.warn(
        "the checkpoint was written with {} threads, and this is run with {}: bytes may differ",
        threads, identity.threads);
  }
  front_end_.note("Going on from {}, after iteration {}", checkpoint, options_.resume->iteration());
}

int FineTune::adapted_layers() const {
  const int layers = loaded_.model->num_layers();
  return layers - adapters_.parameters().first_layer(layers);
}

// What the adapter file records of a training besides its results: no path of this machine.
io::HistoryEntry FineTune::history_entry() const {
  const lora::LoraSettings& s = adapters_.settings();
  const training::TrainOptions& train = options_.train;
  const std::string model = name_in_command(train.origin.provenance.origin);
  io::HistoryEntry entry{options_.command ? options_.command(model) : "", GRAFT_VERSION};
  if (s.type == lora::FineTuneType::full) {
    entry.facts = {{"fine-tuning", "full"}};
  } else {
    entry.facts = {{"LoRA rank", std::to_string(s.rank)},
                   {"LoRA scale", fmt::format("{}", s.scale)},
                   {"LoRA dropout", fmt::format("{}", s.dropout)},
                   {"fine-tuning", s.type == lora::FineTuneType::dora ? "DoRA" : "LoRA"}};
  }
  const std::string layers = s.num_layers < 0 ? "all" : std::to_string(s.num_layers);
  if (s.type == lora::FineTuneType::full) {
    entry.facts.emplace_back("layers trained", layers);
  } else {
    entry.facts.emplace_back("layers adapted", layers);
    entry.facts.emplace_back("adapted", fmt::format("{}", fmt::join(s.keys, ", ")));
  }
  if (!s.extra.empty()) {
    entry.facts.emplace_back("trained as well", fmt::format("{}", fmt::join(s.extra, ", ")));
  }
  entry.facts.insert(
      entry.facts.end(),
      {{"optimizer",
        fmt::format(
            "{}, learning rate {}{}", train.optimizer.name, train.schedule.learning_rate,
            train.schedule.name == "constant" ? "" : ", " + train.schedule.name + " schedule")},
       {"batch size", std::to_string(train.batch_size * train.batches_a_step)},
       {"tokens of an example at most", std::to_string(options_.render.max_seq_length)},
       {"seed", std::to_string(train.seed)}});
  return entry;
}

training::LearningRateSearch FineTune::search_learning_rate(const data::Dataset& train) {
  const training::LearningRateSearchOptions search;
  std::vector<double> losses;
  const auto go_on = [&](const training::LearningRateSearch::Point& point) {
    losses.push_back(point.smoothed);
    front_end_.progress({{static_cast<double>(losses.size()) / search.steps,
                          {fmt::format("{}/{}", losses.size(), search.steps),
                           fmt::format("rate {:.1e}", point.learning_rate),
                           fmt::format("loss {:.3f}", point.smoothed)},
                          losses}});
    return !front_end_.cancelled();
  };
  training::LearningRateSearch result = training::search_learning_rate(
      *loaded_.model, adapters_, train, options_.train, search, go_on);
  front_end_.progress({});
  return result;
}

// A step that does not go in place never has more states than a training, which keeps the last good
// one.
size_t FineTune::kept_by_search() const {
  if (!training::goes_in_place(adapters_.parameters())) return 0;
  size_t bytes = 0;
  for (const models::Parameter& p : adapters_.parameters().all()) bytes += p.place->nbytes();
  return bytes;
}

TrunkChoice FineTune::trunk_choice(const training::TrainOptions& options,
                                   const data::Dataset& train, const data::Dataset& valid) const {
  return choose_trunk({loaded_, adapters_.parameters(), options, train, valid}, options_.trunk);
}

training::TrainOptions FineTune::options_on(const data::Dataset& train) const {
  training::TrainOptions options = options_.train;
  options.iters = iterations_on(train);
  return options;
}

// The memory of a run, whose layers' weights are in memory together or one by one.
plan::Memory FineTune::memory(const training::TrainOptions& given, const plan::RunBatches& batches,
                              const TrunkChoice& choice, bool streams) const {
  size_t program = memory_in_use(".safetensors") + (choice.layers > 0 ? choice.memory : 0);
  // Weights that are trained are there already, and counted with what the optimizer keeps of them.
  if (training::goes_in_place(adapters_.parameters()) && !options_.only_planned) {
    size_t trained = 0;
    for (const models::Parameter& p : adapters_.trained()) trained += p.place->nbytes();
    program -= std::min(program, trained);
  }
  plan::KeptLayers kept{.layers = choice.layers};
  const StreamedWeights weights(loaded_);
  training::TrainOptions options = given;
  if (streams) options.weights = &weights;
  if (options_.trunk.limit) kept.bytes = weights.not_in_memory(choice.layers, streams);
  return plan::training_memory({*loaded_.model, adapters_.parameters(), options}, batches, program,
                               kept);
}

// Whether the layers' weights go through memory one by one, since a limit leaves no room for all.
bool FineTune::streams(const training::TrainOptions& options, const plan::RunBatches& batches,
                       const TrunkChoice& choice) const {
  if (!options_.trunk.limit) return false;
  // Weights that are trained are in memory, and nowhere else.
  if (training::goes_in_place(adapters_.parameters())) return false;
  const size_t limit = std::min(*options_.trunk.limit, usable_memory().bytes);
  return memory(options, batches, choice, false).total() > limit;
}

plan::Plan FineTune::plan(const data::Dataset& train, const data::Dataset& valid,
                          const fs::path& speeds) const {
  const training::TrainOptions options = options_on(train);
  const plan::RunBatches batches =
      plan::batches_of_run(train, valid, options, data::kWhole, planned_ranks());
  const TrunkChoice choice = trunk_choice(options, train, valid);
  const bool one_by_one = streams(options, batches, choice);
  const StreamedWeights weights(loaded_);
  training::TrainOptions timed = options;
  if (one_by_one) timed.weights = &weights;
  const int done = options_.resume ? options_.resume->iteration() : 0;
  const plan::KeptLayers kept{choice.layers, std::max(0.0, choice.first_steps - done)};
  return {.memory = memory(options, batches, choice, one_by_one),
          .time = plan::training_time({*loaded_.model, adapters_.parameters(), timed}, batches,
                                      plan::machine_speeds(*loaded_.model, speeds), done, kept,
                                      exchange_time()),
          .iters = std::max(0, options.iters - done),
          .largest_batch = batches.largest.tokens(),
          .ranks = planned_ranks()};
}

// Of all gradients, each step.
double FineTune::exchange_time() const {
  if (planned_ranks() == 1 || !options_.exchange) return 0;
  const double width = options_.train.wire == distributed::WireType::bf16 ? 2 : 4;
  const auto numbers = static_cast<double>(adapters_.parameters().count());
  return distributed::exchange_seconds(*options_.exchange, width * numbers, planned_ranks());
}

std::vector<Remedy> FineTune::remedies(const data::Dataset& train, const data::Dataset& valid,
                                       const plan::Plan& plan, size_t bytes) const {
  const training::TrainOptions options = options_on(train);
  return engine::remedies(
      {loaded_, adapters_.settings(), options, train, valid, plan.memory, planned_ranks()}, bytes);
}

training::TrainEnd FineTune::run(const data::Dataset& train, const data::Dataset& valid,
                                 training::Events events) {
  if (options_.epochs) {
    options_.train.iters = iterations(train, *options_.epochs);
    record(config_on(train));
  }
  check_resumed(train, valid);
  check_same_training(options_.train.identity, ranks_);
  say_where_the_rate_ends();
  const TrunkSubject subject{loaded_, adapters_.parameters(), options_.train, train, valid};
  const TrunkChoice choice = trunk_choice(options_.train, train, valid);
  std::optional<KeptTrunk> kept;
  training::TrainOptions options = options_.train;
  if (choice.layers > 0) {
    kept.emplace(subject, choice, options_.trunk, front_end_);
    options.trunk = &kept->trunk();
  } else if (!choice.why_not.empty()) {
    front_end_.note("What the lower layers give is not kept: {}", choice.why_not);
  }
  const StreamedWeights weights(loaded_);
  if (options_.trunk.limit &&
      streams(options_.train,
              plan::batches_of_run(train, valid, options_.train, data::kWhole, ranks_.size()),
              choice)) {
    options.weights = &weights;
    front_end_.note("Each step reads the weights of layers {} to {}, {}, twice", choice.layers,
                    loaded_.model->num_layers() - 1,
                    plan::gigabytes(weights.bytes_from(choice.layers)));
  }
  training::Trainer trainer(*loaded_.model, adapters_, train, valid, std::move(options),
                            std::move(events), ranks_);
  if (options_.resume) trainer.restore(options_.resume->read_parts());
  return trainer.run([this] { return front_end_.cancelled(); });
}

}  // namespace graft::engine
