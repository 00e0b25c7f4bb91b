#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graft/calibration/rounding.h"
#include "graft/data/batch.h"
#include "graft/models/model.h"

namespace graft::calibration {

/// How a layer is to be quantized; nothing: it stays as it is.
using SettingOf = std::function<std::optional<RoundingOptions>(const models::LinearPart&)>;

/// Quantizes the dense linear layers of a model and its head for what texts show of their inputs
/// (rounding.h), from the lowest layer up, each for what the rounded ones below give it. The
/// embedding comes before them: to the nearest, or, where it is the head, for what that reads, with
/// something added for its rows, which the layers read as they are. The model has these weights
/// then; they are given back by path, of experts stacked. `done` is called with the number done and
/// of all, after each and now and then between.
std::map<std::string, ops::Weight> round_model(models::Model& model,
                                               const std::vector<data::Batch>& batches,
                                               const SettingOf& setting_of,
                                               const std::function<void(size_t, size_t)>& done);

}  // namespace graft::calibration
