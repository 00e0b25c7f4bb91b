#pragma once

#include <mlx/array.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/data/batch.h"
#include "graft/lora/adapters.h"
#include "graft/lora/fuse.h"
#include "graft/models/model.h"

namespace graft::calibration {

namespace mx = mlx::core;

/// A layer with an adapter, and what it becomes without.
struct FusedLayer {
  models::LinearPart part;                           // in the model
  ops::Weight weight;                                // as it was; of experts the first one's
  std::shared_ptr<ops::ExpertWeights> experts = {};  // as they were
  std::optional<nn::LoraAdapter> adapter;
  std::optional<io::LayerQuantization> setting;  // of what it becomes; none: dense
  ops::Weight* head = nullptr;                   // the same matrix, if it is a tied embedding

  const std::string& path() const { return part.path(); }
  /// Of its weight as it was.
  size_t bytes() const;
};

/// The adapted layers of a model, also embedding and head, which lose their adapters here: each is
/// given the weight that stands for both, in one way or another.
class FusedLayers {
 public:
  /// Of the layers of `adapters`; `format` says what they become. Their adapters are attached until
  /// one of the functions below is called. `model` must outlive it. Throws Error for a layer that
  /// does not divide into the groups of its format.
  FusedLayers(models::Model& model, const lora::Adapters& adapters,
              const lora::FusedFormat& format);

  const std::vector<FusedLayer>& all() const { return layers_; }
  /// How many can be rounded for what they read: those that are quantized, but no embedding that is
  /// not the head, too.
  size_t count_rounded() const;

  /// Each weight rounded to what is nearest (lora::fused_weight).
  void round_to_nearest();
  /// The same of one layer, with more bits, in mode affine. False where it has as many, is dense,
  /// or does not divide into groups: then it stays.
  bool raise(size_t index, int bits);
  /// Each of these (`count_rounded`) rounded for what the texts show of its inputs (rounding.h),
  /// an embedding first, then the layers from the lowest up.
  void round_to_inputs(const std::vector<data::Batch>& batches,
                       const std::function<void(size_t)>& done);
  /// One layer as it was, with its adapter. False if it is so.
  bool restore(size_t index);
  /// How far a layer's weight is from the adapted one, as a share of what its adapter changed.
  double error_of(size_t index) const;

  /// The layer's weight now, and back again.
  struct Kept {
    ops::Weight weight;
    std::shared_ptr<ops::ExpertWeights> experts;
    std::optional<nn::LoraAdapter> adapter;
    std::optional<io::LayerQuantization> setting;
  };
  Kept keep(size_t index) const;
  void put(size_t index, const Kept& kept);
  /// The same of all.
  std::vector<Kept> keep_all() const;
  void put_all(const std::vector<Kept>& kept);

  /// Bytes of the weights now, and of adapters that are left.
  size_t bytes() const;

 private:
  void round_to_moments(const FusedLayer& layer, const mx::array& moments);

  models::Model& model_;
  lora::FusedFormat format_;
  std::vector<FusedLayer> layers_;
};

}  // namespace graft::calibration
