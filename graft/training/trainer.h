#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/training/checkpoint.h"
#include "graft/training/schedule.h"
#include "graft/training/step.h"

namespace graft::training {

/// A training whose steps or validation came to nothing finite: with the same options it would
/// again.
class Diverged : public Error {
 public:
  using Error::Error;
};

/// Fine-tunes a model's adapters: the loop over steps, and when to report, validate, save and stop.
/// One object is one run.
class Trainer {
 public:
  /// Without examples to validate on there are no validations. Each of `ranks` has one of the same
  /// training: the first saves, and all stop when one is interrupted. All but options and events
  /// must outlive it.
  Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
          const data::Dataset& valid, TrainOptions options, Events events,
          const distributed::Group& ranks = distributed::alone());

  /// Goes on from where an earlier run was. Throws Error if it is another training's.
  void restore(const SnapshotParts& parts);

  /// Runs all iterations, and validates before the first, where it is due, and after the last, or
  /// until `interrupted()` (asked after every step and every batch of a validation), and leaves the
  /// adapter file as of the last one. A save in between that fails is told as an event; the last
  /// one throws. A step whose loss, gradient or parameters are not finite is skipped. After
  /// max_bad_steps of them in a row, or when a validation's loss is not finite, the last state
  /// whose loss and gradient were becomes a checkpoint, and Diverged is thrown, which names the
  /// iteration and the example; the adapter file stays as it was saved last. When a step fails
  /// otherwise, because the model's file was written to, say, the state from before it is saved.
  TrainEnd run(const std::function<bool()>& interrupted);

 private:
  TrainEnd run_all(const std::function<bool()>& interrupted);
  TrainEnd run_profiled(const std::function<bool()>& interrupted);
  StepResult step();
  StepResult step_or_save();
  bool validation_is_due() const;
  bool validate(const std::function<bool()>& interrupted);
  bool validate_or_save(const std::function<bool()>& interrupted);
  int64_t memory_of_all() const;
  void report(bool partial);
  void report_rest();
  // Throws Error, once the state as of now is saved.
  [[noreturn]] void stop_after(const std::string& why);
  // Throws Diverged, once the last good state is in a checkpoint.
  [[noreturn]] void stop_diverged(const std::string& why);
  std::string keep_last_good();
  Snapshot snapshot() const;
  void save_checkpoint();
  void save();
  void try_to(const std::function<void()>& save);

  bool report_and_ask(const std::function<bool()>& interrupted);
  // Throws Error, in all of them, if ranks do not begin with the same.
  void check_same_state() const;

  const models::Model& model_;
  lora::Adapters& adapters_;
  const distributed::Group& ranks_;
  data::EvaluationBatches valid_batches_;
  TrainOptions options_;
  Events events_;
  Stepper stepper_;
  Schedule schedule_;
  TrainState state_;
  TrainState last_good_;  // the last whose loss and gradient were; of no step if there is none
  double step_seconds_ = 0;
  int saved_at_ = -1;                  // the iteration of the adapter file
  std::optional<AdapterSaver> saver_;  // of the first rank alone, like the checkpoints
  std::optional<Checkpoints> checkpoints_;
  Progress progress_;
  Figures figures_;
};

}  // namespace graft::training
