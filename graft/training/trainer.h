#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/data/sampler.h"
#include "graft/lora/adapters.h"
#include "graft/models/layer_runner.h"
#include "graft/training/adapter_saver.h"
#include "graft/training/checkpoint.h"
#include "graft/training/events.h"
#include "graft/training/objective.h"
#include "graft/training/optimizer.h"
#include "graft/training/schedule.h"
#include "graft/training/train_state.h"

namespace graft::training {

struct TrainOptions {
  int iters = 1000;
  int batch_size = 4;
  int batches_a_step = 1;  // batches whose gradients are summed
  OptimizerOptions optimizer = {};
  ScheduleOptions schedule = {};  // of the learning rate; a length of 0 is that of the run
  float max_norm = 0;             // of all gradients together; 0: no limit
  int patience = 0;      // validations without improvement that end the training; 0: none do
  int val_batches = 25;  // -1: all of the validation set
  int steps_per_report = 10;
  int steps_per_eval = 200;
  int save_every = 100;
  int keep = 2;           // checkpoints, besides that of the best validation
  int max_bad_steps = 3;  // in a row, before the training stops
  fs::path adapter_file = "adapters.npz";
  lora::AdapterOrigin origin;  // goes into the adapter file: see AdapterSaver
  Identity identity;           // goes into the checkpoints
  uint64_t seed = 0;
  bool profile = false;          // report where the time went at the end
  bool grad_checkpoint = false;  // RecomputedLayers: less memory, more time
};

/// Fine-tunes a model's adapters: the loop over steps, and when to report, validate, save and stop.
/// One object is one run.
class Trainer {
 public:
  Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
          const data::Dataset& valid, TrainOptions options, Events events);

  /// Goes on from where an earlier run was. Throws Error if it is another training's.
  void restore(const SnapshotParts& parts);

  /// Runs all iterations, or until `interrupted()` (asked after every step and every batch of a
  /// validation), and leaves the adapter file as of the last one. A save in between that fails is
  /// told as an event; the last one throws. A step whose loss, gradient or parameters are not
  /// finite is skipped. After max_bad_steps of them in a row, or when a validation's loss is not
  /// finite, the last state whose loss and gradient were becomes a checkpoint, and Error is thrown,
  /// which names the iteration and the example; the adapter file stays as it was saved last. When a
  /// step fails otherwise, because the model's file was written to, say, the state from before it
  /// is saved.
  TrainEnd run(const std::function<bool()>& interrupted);

 private:
  struct StepResult {
    double loss = 0;
    double gradient_norm = 0;
    int64_t tokens = 0;
    std::optional<Skipped> skipped;
  };

  TrainEnd run_all(const std::function<bool()>& interrupted);
  TrainEnd run_profiled(const std::function<bool()>& interrupted);
  StepResult step();
  StepResult step_or_save();
  bool validation_is_due() const;
  bool validate(const std::function<bool()>& interrupted);
  bool validate_or_save(const std::function<bool()>& interrupted);
  void report(bool partial);
  void report_rest();
  // Throws Error, once the state as of now is saved.
  [[noreturn]] void stop_after(const std::string& why);
  // Throws Error, once the last good state is in a checkpoint.
  [[noreturn]] void stop_diverged(const std::string& why);
  std::string keep_last_good();
  Snapshot snapshot() const;
  void save_checkpoint();
  void save();
  void try_to(const std::function<void()>& save);

  const models::Model& model_;
  lora::Adapters& adapters_;
  const data::Dataset& train_;
  fs::path valid_file_;
  std::vector<data::Batch> valid_batches_;
  TrainOptions options_;
  Events events_;
  std::unique_ptr<models::LayerRunner> runner_;
  std::unique_ptr<Objective> objective_;
  std::unique_ptr<Optimizer> optimizer_;
  Schedule schedule_;
  data::Sampler sampler_;
  TrainState state_;
  TrainState last_good_;  // the last whose loss and gradient were; of no step if there is none
  double step_seconds_ = 0;
  int saved_at_ = -1;  // the iteration of the adapter file
  AdapterSaver saver_;
  Checkpoints checkpoints_;
  Progress progress_;
  Figures figures_;
};

}  // namespace graft::training
