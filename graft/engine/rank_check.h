#pragma once

#include "graft/distributed/group.h"
#include "graft/training/identity.h"

namespace graft::engine {

/// Whether all ranks have the same training: the fingerprints of what it reads, and its options but
/// those of where files are and of the machine. Throws Error, in every one of them, which names the
/// rank and what is not rank 0's.
void check_same_training(const training::Identity& identity, const distributed::Group& ranks);

/// The same of an evaluation's facts by name, such as {"data": fingerprint}.
void check_same_facts(const ordered_json& facts, const distributed::Group& ranks);

}  // namespace graft::engine
