#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/data/sampler.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapters.h"
#include "graft/models/layer_runner.h"
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
  float learning_rate = 1e-5f;
  AdamConfig adam = {};
  float max_norm = 0;    // of all gradients together; 0: no limit
  int val_batches = 25;  // -1: all of the validation set
  int steps_per_report = 10;
  int steps_per_eval = 200;
  int save_every = 100;
  fs::path adapter_file = "adapters.npz";
  std::string base_fingerprint;  // goes into the adapter file
  io::Provenance provenance;     // the same; its last step is this training, without its results
  uint64_t seed = 0;
  bool profile = false;          // report where the time went at the end
  bool grad_checkpoint = false;  // RecomputedLayers: less memory, more time
};

/// Interrupted at the start: before the first step, so that nothing was saved.
enum class TrainEnd { finished, interrupted, interrupted_at_start };

/// Fine-tunes a model's adapters: the loop over steps, and when to report, validate, save and stop.
/// One object is one run.
class Trainer {
 public:
  Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
          const data::Dataset& valid, TrainOptions options, Events events);

  /// Runs all iterations, or until `interrupted()` (asked after every step and every batch of a
  /// validation), and leaves the adapter file as of the last one. A save in between that fails is
  /// told as an event; the last one throws. Throws Error when the loss, a gradient or a parameter
  /// is not finite, naming the iteration and the example; the adapter file stays as it was saved
  /// last, and the last adapter whose loss was finite goes to Checkpoint::save_aside. When
  /// a step fails otherwise, because the model's file was written to, say, the adapter from before
  /// it is saved.
  TrainEnd run(const std::function<bool()>& interrupted);

 private:
  struct StepResult {
    double loss = 0;
    double gradient_norm = 0;
    int64_t tokens = 0;
    std::string diverged;  // where the largest loss is, if something is not finite; else empty
  };
  // The last parameters whose loss was finite, and of which iteration they are.
  struct LastGood {
    int64_t iteration = 0;
    std::vector<mx::array> parameters;
  };
  TrainEnd run_all(const std::function<bool()>& interrupted);
  StepResult step();
  StepResult step_or_save(int iteration, int saved_at);
  bool validate_or_save(int iteration, int saved_at, const std::function<bool()>& interrupted);
  // Throws Error, once the adapter as of an iteration is saved.
  [[noreturn]] void stop_after(int iteration, int saved_at, const std::string& why);
  // Sees to it that the last good adapter is in a file; says in which.
  std::string keep_last_good(int saved_at);
  bool validate(int iteration, const std::function<bool()>& interrupted);
  void save(int iteration);
  bool try_to_save(int iteration);
  [[noreturn]] void stop_diverged(int iteration, const std::string& place, int saved_at);

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
  LastGood last_good_;
  double step_seconds_ = 0;
  Checkpoint checkpoint_;
  Progress progress_;
};

}  // namespace graft::training
