#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/data/dataset.h"
#include "graft/distributed/exchange.h"
#include "graft/engine/fit.h"
#include "graft/engine/kept_trunk.h"
#include "graft/engine/loaded_model.h"
#include "graft/lora/adapters.h"
#include "graft/plan/plan.h"
#include "graft/training/checkpoint.h"
#include "graft/training/learning_rate_search.h"
#include "graft/training/trainer.h"

namespace graft::engine {

/// The adapters for a fine-tuning. Options that are not given come from the adapter to resume, else
/// from LoraSettings' defaults and the family's own keys.
struct AdapterOptions {
  std::optional<int> num_layers = {}, rank = {};
  std::optional<float> scale = {}, dropout = {};
  std::optional<std::vector<std::string>> keys = {};
  std::optional<lora::FineTuneType> type = {};
  bool rslora = false;                     // the scale is `scale` / sqrt(rank)
  std::optional<std::string> init = {};    // lora::InitialWeights::parse
  std::optional<std::string> layers = {};  // lora::LayerConfig::read, in place of the others
  std::optional<std::vector<std::string>> extra = {};  // as LoraSettings has it
  std::optional<fs::path> resume_adapter_file = {};    // to continue training
};

struct FineTuneOptions {
  AdapterOptions adapter;
  training::TrainOptions train;            // its fingerprint and provenance are filled in
  std::optional<double> epochs = {};       // passes over the training set, in place of train.iters
  data::RenderOptions render;              // of the data
  std::vector<std::string> datasets = {};  // their names on the Hub
  ordered_json named = ordered_json::object();      // recorded with the options: "model", "data"
  std::optional<training::Checkpoint> resume = {};  // to go on exactly where a training was
  TrunkOptions trunk = {.cache = "off"};
  int planned_ranks = 0;  // processes to plan for; 0: those that there are
  // Of gradients between them, if that is known.
  std::optional<distributed::ExchangeSpeed> exchange = {};
  bool only_planned = false;  // new adapters have no numbers: it must not run
  // The command that others would use, given their name for the model; recorded in the history.
  std::function<std::string(const std::string& model)> command = {};
};

/// A fine-tuning of a loaded model: the constructor attaches the adapters, `run` trains them. The
/// model, the front end and the ranks, each of which has one of the same training, must outlive it.
class FineTune {
 public:
  /// Throws UsageError for options that contradict the model, the resumed adapter or checkpoint,
  /// Error as lora::attach and lora::apply do.
  FineTune(LoadedModel& loaded, FineTuneOptions options, FrontEnd& front_end,
           const distributed::Group& ranks = distributed::alone());

  const lora::Adapters& adapters() const { return adapters_; }
  /// All options in effect, by the names of the flags.
  const ordered_json& config() const { return options_.train.identity.config; }
  /// The same with the iterations that `epochs` are on this data.
  ordered_json config_on(const data::Dataset& train) const;
  /// Iterations of a training on this data.
  int iterations_on(const data::Dataset& train) const {
    return options_.epochs ? iterations(train, *options_.epochs) : options_.train.iters;
  }
  /// Number of layers that have an adapter.
  int adapted_layers() const;

  /// Tries growing learning rates, as training::search_learning_rate; the adapters stay as they
  /// are. Also stops when the front end asks for it, to which it shows how far it is.
  training::LearningRateSearch search_learning_rate(const data::Dataset& train);
  /// What that takes beside a training with the same options, in bytes: the weights that it trains
  /// as they are, which it puts back at its end.
  size_t kept_by_search() const;
  /// What a training on these sets will take. The machine's speed is in `speeds`, or is measured
  /// and kept there (plan::machine_speeds).
  plan::Plan plan(const data::Dataset& train, const data::Dataset& valid,
                  const fs::path& speeds) const;
  /// What would make it fit into `bytes`.
  std::vector<Remedy> remedies(const data::Dataset& train, const data::Dataset& valid,
                               const plan::Plan& plan, size_t bytes) const;

  /// As training::Trainer::run; also stops when the front end asks for it. Throws Error if ranks
  /// have other models, data or options than the first, which names them.
  training::TrainEnd run(const data::Dataset& train, const data::Dataset& valid,
                         training::Events events);

 private:
  io::HistoryEntry history_entry() const;
  ordered_json full_config(int iters) const;
  void record(ordered_json config);
  static bool names_a_file(const ordered_json& named);
  int iterations(const data::Dataset& train, double epochs) const;
  training::TrainOptions options_on(const data::Dataset& train) const;
  plan::Memory memory(const training::TrainOptions& options, const plan::RunBatches& batches,
                      const TrunkChoice& choice, bool streams) const;
  bool streams(const training::TrainOptions& options, const plan::RunBatches& batches,
               const TrunkChoice& choice) const;
  TrunkChoice trunk_choice(const training::TrainOptions& options, const data::Dataset& train,
                           const data::Dataset& valid) const;
  int planned_ranks() const {
    return options_.planned_ranks > 0 ? options_.planned_ranks : ranks_.size();
  }
  double exchange_time() const;
  void say_where_the_rate_ends() const;
  void check_resumed(const data::Dataset& train, const data::Dataset& valid);

  LoadedModel& loaded_;
  FineTuneOptions options_;
  FrontEnd& front_end_;
  const distributed::Group& ranks_;
  lora::Adapters adapters_;
};

}  // namespace graft::engine
