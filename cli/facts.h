#pragma once

#include <string>
#include <vector>

#include "graft/engine/loaded_model.h"
#include "graft/io/json.h"

namespace graft::cli {

/// A fact that `graft info` shows: a member of the JSON, and lines on the screen.
struct Fact {
  struct Line {
    std::string label, text;
  };

  std::string key;
  ordered_json value;
  std::vector<Line> lines;
};

/// Facts that hold for every command on this machine: versions, processor, threads, memory,
/// kernels. Throws Error for an environment variable that every command would refuse.
std::vector<Fact> machine_facts();

Fact model_fact(const engine::LoadedModel& loaded);

}  // namespace graft::cli
