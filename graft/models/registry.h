#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// The model of a folder, by its config's `model_type`. Weights stay in the mapped files. With
/// `dtype`, dense weights and activations are converted to it. For an unknown model type, throws
/// Error that lists the known ones.
std::unique_ptr<Model> load_model(const io::ModelFolder& folder,
                                  std::optional<mx::Dtype> dtype = {});

}  // namespace graft::models
