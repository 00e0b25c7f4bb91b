#pragma once

#include <optional>
#include <string>

#include "graft/base/files.h"
#include "graft/calibration/repair.h"
#include "graft/data/dataset.h"
#include "graft/engine/named_data.h"

namespace graft::engine {

/// What the losses of a fused model are measured on, and what its layers are seen to read.
struct FuseTexts {
  std::string name;  // of the measured ones, for people
  calibration::RepairTexts batches;
};

/// Examples of both, evenly spread: at most 8192 tokens of `measured`, and of `calibration` 8192,
/// or 8 times as many as the model's widest layer reads numbers, which moments of them need.
/// Without the latter every other one of `measured` is it, where these are at least 8, if the model
/// is to learn from some (`repairs`). Throws Error
/// if none to measure on carries loss.
FuseTexts fuse_texts(models::Model& model, const data::Dataset& measured,
                     const std::optional<data::Dataset>& calibration, bool repairs);

/// The data of a training, and what became of them.
struct TrainingData {
  DataOptions data;
  data::RenderOptions render;
};

/// Those that an adapter was trained on, by the records beside it, if all of their files and
/// folders are here; nothing if not, or without records.
std::optional<TrainingData> data_of_training(const fs::path& adapter);

}  // namespace graft::engine
