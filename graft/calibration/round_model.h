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

/// Quantizes the dense linear layers of a model for what texts show of their inputs (rounding.h),
/// from the lowest layer up, each for what the rounded ones below give it. The model has these
/// weights then; they are given back by path, of experts stacked. `done` is called after each with
/// the number done and of all.
std::map<std::string, ops::Weight> round_model(models::Model& model,
                                               const std::vector<data::Batch>& batches,
                                               const SettingOf& setting_of,
                                               const std::function<void(size_t, size_t)>& done);

}  // namespace graft::calibration
