#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "graft/engine/loaded_model.h"
#include "graft/models/layer_weights.h"
#include "graft/training/evaluation.h"
#include "graft/trunk/fill.h"

namespace graft::engine {

/// A model whose layers' weights go through memory one by one: each is let go once it was used, and
/// the one after the next is read meanwhile. The model must outlive it.
class StreamedWeights final : public models::LayerWeights {
 public:
  explicit StreamedWeights(const LoadedModel& loaded) : pages_(*loaded.model, loaded.folder) {}

  void used(int layer, int next) const override;
  /// Of layers [first, ...).
  size_t bytes_from(int first) const;
  /// Of the layers' weights, what is never in memory together with the rest: those of layers
  /// [0, kept), and, if the others are streamed, all of them but three.
  size_t not_in_memory(int kept, bool streamed) const;

 private:
  trunk::LayerPages pages_;
};

/// trunk::fill with as many layers at a time as fit into `limit` bytes beside what the process has
/// and works with. Throws UsageError, which says how much is needed, if that is not one layer.
void fill_within(LoadedModel& loaded, const trunk::RowForm& form,
                 const trunk::TrunkIdentity& identity, const fs::path& folder,
                 const std::vector<std::span<const int32_t>>& examples, size_t limit,
                 FrontEnd& front_end);

/// training::evaluate of a model with its adapters, which need not fit into `limit` bytes: layer by
/// layer for all batches, with what they give in a folder of its own in `folder`, which goes away.
/// Throws as these do.
training::Evaluation evaluate_within(LoadedModel& loaded, const data::EvaluationBatches& batches,
                                     const fs::path& folder, size_t limit, FrontEnd& front_end,
                                     const std::function<bool(size_t)>& done = {});

}  // namespace graft::engine
