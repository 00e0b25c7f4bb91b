#pragma once

#include <map>
#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::launch {

/// A process of a training, as its keeper is told of it.
struct Job {
  std::vector<std::string> arguments;              // of graft
  std::map<std::string, std::string> environment;  // in addition to the keeper's
  std::string folder = {};                         // to run in; empty: the keeper's

  json to_json() const;
  /// Throws Error for one that is none.
  static Job of_json(const json& value);
};

/// The name of the command by which graft keeps a job: "launch", "--keep-job".
inline constexpr const char* kKeepJob = "--keep-job";

/// Keeps a job on its machine. The job comes as a line of JSON from standard input, and after it
/// lines that say "interrupt" (SIGINT) or "end" (SIGKILL). Where the input ends, because whoever
/// started the training is gone, the job is asked to end, and killed ten seconds later. Output goes
/// where the keeper's goes. Returns the job's exit code, 128 + the signal that ended it. Throws
/// Error if it cannot be started.
int keep_job(const std::string& program);

}  // namespace graft::launch
