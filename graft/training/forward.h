#pragma once

#include "graft/data/batch.h"
#include "graft/models/layer_runner.h"
#include "graft/ops/head_loss.h"

namespace graft::training {

namespace mx = mlx::core;

/// The output [N, D] of the final norm for a batch, whose dropout is that of its tokens.
mx::array states_of(const models::LayerRunner& runner, const data::Batch& batch,
                    const models::Dropout& dropout = {});

/// The same key, for the tokens of this batch.
models::Dropout dropout_of(const data::Batch& batch, const models::Dropout& dropout);

/// What a batch expects.
ops::Targets targets_of(const data::Batch& batch);

}  // namespace graft::training
