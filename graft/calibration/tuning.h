#pragma once

#include <functional>
#include <vector>

#include "graft/calibration/divergence.h"
#include "graft/models/model.h"

namespace graft::calibration {

struct TuningOptions {
  int steps = 200;
  float rate = 1e-5f;                  // at first; it falls to 0 along a cosine
  std::function<void(int)> done = {};  // called after each step with the number done
};

/// Whether a layer has scales and biases that `tune_scales` trains: those of a linear layer, of
/// experts or of a head of its own, in mode affine. Not of an embedding.
bool is_tuned(const models::LinearPart& part);

/// Trains the scales and biases of layers that are quantized in mode affine, whose integers stay,
/// so that the model predicts what it should: Adam on the divergence ("divergence.h"), a batch a
/// step, in turn. As mlx-lm's DWQ does. They then have the type that they had. Steps whose
/// gradients or results are not finite are skipped; returns how many. Ends once all batches in a
/// row were. Throws training::NotFinite if no step could be made.
int tune_scales(const models::Model& model, const std::vector<models::LinearPart>& linears,
                const std::vector<data::Batch>& batches, const Predicted& wanted,
                const TuningOptions& options);

}  // namespace graft::calibration
