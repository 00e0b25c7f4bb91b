#pragma once

#include <vector>

#include "graft/data/batch.h"

namespace graft::data {

/// The part of a step's batches that process `rank` of `size` computes: whole examples, so that all
/// have about as many tokens, in batches that are no larger than the largest of those. Every
/// example is one process'; with fewer examples than processes some have none.
std::vector<Batch> share_of(const std::vector<Batch>& batches, int rank, int size);

/// The same of sizes alone, of all processes: of the examples of some batches, counted through,
/// those in each batch of each process.
std::vector<std::vector<std::vector<size_t>>> shares_of(
    const std::vector<std::vector<int64_t>>& sizes, int ranks);

/// Whose each of so many items of these sizes is: the largest first, each goes to who has least
/// (Graham's list scheduling).
std::vector<int> owners_of(const std::vector<int64_t>& sizes, int ranks);

}  // namespace graft::data
