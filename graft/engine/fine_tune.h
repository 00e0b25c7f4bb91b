#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"
#include "graft/lora/adapters.h"
#include "graft/training/trainer.h"

namespace graft::engine {

/// What adapters a fine-tuning is to have. What is not said is LoraSettings' default and the
/// family's own keys, or what the adapter says that is resumed.
struct AdapterOptions {
  std::optional<int> num_layers = {}, rank = {};
  std::optional<float> scale = {}, dropout = {};
  std::optional<std::vector<std::string>> keys = {};
  std::optional<fs::path> resume_adapter_file = {};  // to go on training from
};

struct FineTuneOptions {
  AdapterOptions adapter;
  training::TrainOptions train;        // its fingerprint and provenance are filled in
  data::RenderOptions render;          // of the data
  std::optional<std::string> dataset;  // its name on the Hub
  // The command that others would give, for what they call the model: goes into the history.
  std::function<std::string(const std::string& model)> command = {};
};

/// A fine-tuning of a loaded model: the model has its adapters when this is made, and is trained by
/// `run`. Model and front end must outlive it.
class FineTune {
 public:
  /// Throws UsageError for options that the model or the resumed adapter contradicts, Error as
  /// lora::attach and lora::apply do.
  FineTune(LoadedModel& loaded, FineTuneOptions options, FrontEnd& front_end);

  const lora::Adapters& adapters() const { return adapters_; }
  /// Layers that have one.
  int adapted_layers() const;

  /// As training::Trainer::run; stops too when the front end wants it.
  training::TrainEnd run(const data::Dataset& train, const data::Dataset& valid,
                         training::Events events);

 private:
  io::HistoryEntry history_entry() const;

  LoadedModel& loaded_;
  FineTuneOptions options_;
  FrontEnd& front_end_;
  lora::Adapters adapters_;
};

}  // namespace graft::engine
