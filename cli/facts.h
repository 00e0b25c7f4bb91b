#pragma once

#include <string>
#include <vector>

#include "graft/engine/loaded_model.h"
#include "graft/io/json.h"

namespace graft::cli {

/// One thing that `graft info` tells: a member of the JSON, and the lines of the screen.
struct Fact {
  struct Line {
    std::string label, text;
  };

  std::string key;
  ordered_json value;
  std::vector<Line> lines;
};

/// What holds for every command on this machine: versions, processor, threads, memory, kernels.
/// Throws Error for an environment variable that no command would take either.
std::vector<Fact> machine_facts();

Fact model_fact(const engine::LoadedModel& loaded);

}  // namespace graft::cli
