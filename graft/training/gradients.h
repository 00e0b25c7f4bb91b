#pragma once

#include <vector>

#include "graft/distributed/group.h"
#include "graft/models/parameters.h"
#include "graft/training/objective.h"

namespace graft::training {

/// The weight of all batches of a step together.
double weight_of(const std::vector<data::Batch>& group);

/// The gradients of a step, summed over the batches of its group; lazy. A batch is computed before
/// the next one is added, so that only one at a time is in memory.
class Gradients {
 public:
  /// `weight`: the total weight of all batches to come; their sums are divided by it.
  Gradients(const models::ParameterSet& parameters, double weight);

  /// Adds the gradients of the batch's loss with respect to the parameters.
  void add(const Objective& objective, const models::LayerRunner& runner, const data::Batch& batch,
           const models::Dropout& dropout);

  /// Adds what the other processes have of the same step, which is computed now: of the loss, and
  /// of these gradients. Without a batch of its own a process has zeros.
  void sum_loss(const distributed::Group& ranks);
  void sum(const std::vector<size_t>& indices, const distributed::Group& ranks,
           distributed::WireType wire);

  /// Of all gradients together, f32 scalar.
  mx::array norm() const;

  /// Scales all gradients so that their global norm is at most `max_norm`, unless it is not finite.
  /// Pascanu et al., arXiv:1211.5063.
  void clip(float max_norm);

  /// Gives one of them away: nothing of it stays here.
  mx::array take(size_t index);

  const models::ParameterSet& parameters() const { return parameters_; }
  /// In the order of the ParameterSet.
  const std::vector<mx::array>& arrays() const { return sums_; }
  /// The loss of the group, f32 scalar: the sum of weight * loss over the weight.
  const mx::array& loss() const { return loss_; }
  /// Each token's loss, by batch.
  const std::vector<mx::array>& token_losses() const { return token_losses_; }

 private:
  const models::ParameterSet& parameters_;
  double weight_;
  std::vector<mx::array> sums_;
  mx::array loss_{0.0f};
  std::vector<mx::array> token_losses_;
};

}  // namespace graft::training
