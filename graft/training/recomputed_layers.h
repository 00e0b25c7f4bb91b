#pragma once

#include <memory>

#include "graft/models/layer_runner.h"
#include "graft/models/parameters.h"
#include "graft/training/train_options.h"

namespace graft::training {

namespace mx = mlx::core;

/// Gradient checkpointing: from the lowest layer with a parameter on, only a layer's inputs are
/// kept for its gradient; the rest is recomputed in the backward pass. Chen et al.,
/// arXiv:1604.06174. Whoever has the weights is told when those of a layer were used.
class RecomputedLayers final : public models::LayerRunner {
 public:
  RecomputedLayers(const models::Model& model, const models::ParameterSet& parameters,
                   const models::Trunk* trunk = nullptr,
                   const models::LayerWeights* weights = nullptr)
      : LayerRunner(model, trunk, parameters.first_layer(model.num_layers())),
        parameters_(parameters),
        weights_(weights),
        first_(parameters.first_layer(model.num_layers())) {}

 private:
  models::Hidden layer(int index, const models::Hidden& hidden,
                       const models::Context& context) const override;

  int below(int index) const;
  models::Hidden told(const models::Hidden& hidden, int layer, int next) const;

  const models::ParameterSet& parameters_;
  const models::LayerWeights* weights_;
  int first_;
};

/// How layers run in a training and its validations: as they are, or with gradient checkpointing;
/// the lowest ones may be a trunk's.
std::unique_ptr<models::LayerRunner> make_runner(const models::Model& model,
                                                 const models::ParameterSet& parameters,
                                                 const TrainOptions& options);

}  // namespace graft::training
