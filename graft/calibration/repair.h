#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/calibration/divergence.h"
#include "graft/calibration/fused_layers.h"
#include "graft/data/batch.h"

namespace graft::calibration {

/// What is done for a model whose adapters are fused into quantized layers, in this order.
enum class Repair {
  round,      // for what the texts show of the layers' inputs, rather than to the nearest
  tune,       // scales and biases, until the model predicts what the adapted one does
  bits,       // more of them for the layers that gain the most per byte
  remainder,  // layers that stay as they were, with their adapters
};

/// All of them, in this order.
std::vector<Repair> all_repairs();
/// "round", "tune", "bits", "remainder".
std::string name_of(Repair repair);
/// Throws UsageError for another name.
Repair repair_named(const std::string& name);

struct RepairOptions {
  double max_loss_gap = 0.01;
  std::vector<Repair> steps = {Repair::round, Repair::tune, Repair::bits};
  int tuning_steps = 200;
  float tuning_rate = 1e-5f;
};

/// A model on the texts that it is measured on.
struct Measured {
  std::string what;  // "rounded", ...
  size_t bytes;      // of the adapted layers
  double loss;
  double divergence;  // from the adapted model, a token
};

struct RepairReport {
  Measured base, adapted;
  std::vector<Measured> steps;  // the first one: rounded to the nearest
  bool within = false;          // the loss of the last one is
  // Else: layers whose weights are the farthest from the adapted ones, beside what their adapters
  // changed; the worst first.
  std::vector<std::string> worst = {};
};

/// The texts: those that show what layers read and that scales are tuned on (without them neither
/// is done), and those that losses are measured on.
struct RepairTexts {
  std::vector<data::Batch> calibration, measured;
};

/// Fuses the adapters of `layers`, which are attached, and repairs the model until its loss is no
/// more than `max_loss_gap` above the adapted one's. What takes it farther from that and is not
/// enough is not kept. A repair with which the loss is not finite is not taken, with a warning that
/// names the layers, and the next one is tried. `base`: the loss without adapters. Throws
/// Cancelled, and training::NotFinite if the adapted model's loss is not finite, or is not once its
/// layers are rounded to the nearest.
RepairReport fuse_and_repair(models::Model& model, FusedLayers& layers, const RepairTexts& texts,
                             double base, const RepairOptions& options, FrontEnd& front_end);

}  // namespace graft::calibration
