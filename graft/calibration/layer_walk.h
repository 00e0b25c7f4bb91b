#pragma once

#include <mlx/array.h>

#include <functional>
#include <vector>

#include "graft/data/batch.h"
#include "graft/models/model.h"

namespace graft::calibration {

namespace mx = mlx::core;

/// Runs texts through a model one layer at a time. Of each layer those of `linears` that are its
/// own are visited, with their index and the second moments of what they read (second_moments.h),
/// before the layer gives the next ones their input: what `visit` makes of them, the layers above
/// see. Parts outside of the layers, a head or an embedding that is the head, too, are visited at
/// the end, with what the head reads. The residual stream of all texts is kept, [N, D]. Of experts
/// the moments are those of all rows together. `each_layer` is called before each layer. Throws
/// training::NotFinite where a layer reads what is not.
void visit_layers(const models::Model& model, const std::vector<data::Batch>& batches,
                  const std::vector<models::LinearPart>& linears,
                  const std::function<void(size_t index, const mx::array& moments)>& visit,
                  const std::function<void()>& each_layer = {});

}  // namespace graft::calibration
