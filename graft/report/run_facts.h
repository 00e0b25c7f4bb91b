#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/json_types.h"

namespace graft::report {

enum class RunStatus {
  running,
  finished,
  interrupted,  // by the person; it can be resumed
  stopped,      // by an error
};

/// What a prompt gave before the training, and what after it.
struct Sample {
  std::string prompt, before, after;
};

/// A command that somebody may want next.
struct Command {
  std::string what, command;
};

/// Lines of a summary: a label and its text.
using Summary = std::vector<std::pair<std::string, std::string>>;

/// What run.json records of a training besides its metrics.
struct RunFacts {
  std::string name = {};  // empty: the folder's
  RunStatus status = RunStatus::running;
  std::string note = {};                          // why it stopped, say
  ordered_json config = ordered_json::object();   // settings by name, flat
  ordered_json machine = ordered_json::object();  // this_machine()
  Summary summary = {};                           // summarize()
  std::vector<Sample> samples = {};
  std::vector<Command> commands = {};
};

ordered_json to_json(const RunFacts& facts);

/// Writes the file, whole or not at all. Throws Error as AtomicFile does.
void write_facts(const fs::path& path, const RunFacts& facts);

/// What is missing in the file or of another type than it should be is left out. Throws Error if
/// it is no JSON object, cannot be read, or has more than 1 MiB.
RunFacts read_facts(const fs::path& path);

/// The samples of a run whose facts are there; none if they cannot be read.
std::vector<Sample> earlier_samples(const fs::path& path);

/// A setting that the program keeps as a float, for a configuration: as the number that a person
/// gave, 0.005, not the nearest float, 0.004999999888241291.
ordered_json setting(float value);

/// The machine that this thread computes on: processor, threads, memory in bytes, kernels, system.
ordered_json this_machine();

}  // namespace graft::report
