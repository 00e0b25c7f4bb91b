#pragma once

#include <mlx/array.h>

#include <vector>

#include "graft/models/model.h"

namespace graft::training {

namespace mx = mlx::core;

/// model.layer(index, hidden, context), of which the gradient keeps the inputs alone and computes
/// all else anew when it is due, dropout's choices the same. `parameters` are the layer's trainable
/// arrays, through whose places in the model they reach it. With `wants_hidden` the gradient of
/// `hidden` is taken too. Chen et al., arXiv:1604.06174.
models::Hidden recomputed_layer(const models::Model& model, int index, const models::Hidden& hidden,
                                const models::Context& context,
                                const std::vector<mx::array*>& parameters, bool wants_hidden);

}  // namespace graft::training
