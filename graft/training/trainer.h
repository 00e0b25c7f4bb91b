#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/data/batch.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapters.h"
#include "graft/models/model.h"
#include "graft/ops/adam.h"
#include "graft/training/reporter.h"

namespace graft::training {

struct TrainOptions {
  int iters = 1000;
  int batch_size = 4;
  float learning_rate = 1e-5f;
  int val_batches = 25;  // -1: all of the validation set
  int steps_per_report = 10;
  int steps_per_eval = 200;
  int save_every = 100;
  fs::path adapter_file = "adapters.npz";
  std::string base_fingerprint;  // goes into the adapter file
  Provenance provenance;         // the same; its last step is this training, without its results
  uint64_t seed = 0;
  bool profile = false;  // says at the end where the time went
  bool grad_checkpoint =
      false;  // layers are computed anew for the gradient: less memory, more time
};

/// Interrupted at the start: before the first step, so that nothing was saved.
enum class TrainEnd { finished, interrupted, interrupted_at_start };

/// Fine-tunes a model's adapters: batches, loss and gradients, Adam, reports, evaluations, adapter
/// files. One object is one run.
class Trainer {
 public:
  Trainer(const models::Model& model, lora::Adapters& adapters, const data::Dataset& train,
          const data::Dataset& valid, TrainOptions options, Reporter& reporter);

  /// Runs all iterations, or until `interrupted()` (asked after every step and every batch of a
  /// validation), and leaves the adapter file as of the last one. Throws Error when the loss, a
  /// gradient or a parameter is not finite, naming the iteration and the example; the last good
  /// adapter is saved before that, unless no step succeeded.
  TrainEnd run(const std::function<bool()>& interrupted);

 private:
  struct Step {
    double loss;
    int64_t tokens;
  };
  TrainEnd run_all(const std::function<bool()>& interrupted);
  Step step(int iteration);
  bool validate(int iteration, const std::function<bool()>& interrupted);
  void save(int iteration);
  Provenance provenance(int iteration) const;
  [[noreturn]] void diverged(int iteration, const data::Batch& batch,
                             mlx::core::array token_losses);

  const models::Model& model_;
  lora::Adapters& adapters_;
  const data::Dataset& train_;
  std::vector<data::Batch> valid_batches_;
  TrainOptions options_;
  Reporter& reporter_;
  data::TrainBatches batches_;
  std::vector<ops::AdamState> state_;
  double step_seconds_ = 0;
  std::optional<double> train_loss_;                    // mean of the last report
  std::optional<std::pair<int, double>> valid_loss_{};  // of the last validation, and when it was
};

}  // namespace graft::training
