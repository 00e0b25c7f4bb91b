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

/// Whether graft has the family of a config's `model_type`.
bool is_known_family(const json& config);

/// The same as `load_model` to be written and not computed with: every number is as it is stored,
/// where load_model has biases in the type of the activations.
std::unique_ptr<Model> load_stored_model(const io::ModelFolder& folder);

}  // namespace graft::models
