#pragma once

#include <vector>

#include "graft/data/batch.h"

namespace graft::data {

/// The part of a step's batches that process `rank` of `size` computes: whole examples, so that all
/// have about as many tokens, in batches that are no larger than the largest of those. Every
/// example is one process'; with fewer examples than processes some have none.
std::vector<Batch> share_of(const std::vector<Batch>& batches, int rank, int size);

/// Which of so many items, of these sizes, belong to `rank` of `size`: the largest first, each goes
/// to who has least (Graham's list scheduling). In their order.
std::vector<size_t> places_of(const std::vector<int64_t>& sizes, int rank, int size);

}  // namespace graft::data
