#pragma once

#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::training {

/// What a checkpoint says of the training it belongs to, which goes on from it only with the same.
struct Identity {
  ordered_json config = ordered_json::object();        // the training's options, in full
  ordered_json fingerprints = ordered_json::object();  // of what it reads, by name
  json provenance = json::object();  // of the adapter, without this training's results
  int threads = 0;                   // another number may give other bytes
  std::string run = {};              // of whoever starts it again where it fails; or none
};

/// What differs in the options of a training that goes on, such as "batch_size is 8, not 4". How
/// long it goes on, how often it reports, validates and saves, and `schedule_iters`, which one
/// gives to have another length of the schedule, may differ.
std::vector<std::string> differences(const ordered_json& stored, const ordered_json& given);

}  // namespace graft::training
