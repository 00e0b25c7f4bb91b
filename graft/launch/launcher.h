#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/launch/hosts.h"

namespace graft::launch {

struct LaunchOptions {
  std::vector<Host> hosts;  // of the ranks, in their order
  std::string backend = "ring";
  std::vector<std::string> arguments;         // of graft, on each
  std::vector<std::string> environment = {};  // "NAME=value", for all
  std::string program;                        // graft's, on each host
  std::string folder;                         // to run in, on each host
  std::vector<std::string> ssh = {"ssh"};     // the command
  int port = 0;                               // where rank 0 is met; 0: any on this machine
  int join_seconds = 60;                      // until all have to be there
};

/// Where rank 0 is met, and what else all of the ranks are told.
struct LaunchHandlers {
  std::function<void(std::string_view)> out, error;  // what the ranks write, in whole lines
  /// How often it was asked to end: the first time the ranks are interrupted, the second killed.
  std::function<int()> interrupts;
};

/// Starts a process of graft for each rank, here or by ssh, and waits for all. Where one fails, the
/// others have some seconds to end by themselves. Returns the exit code of the first that failed,
/// or 0. Throws Error if an address is none, or a process cannot be started.
int launch(const LaunchOptions& options, const LaunchHandlers& handlers);

/// The same by Open MPI's mpirun, which has to be installed. It says itself who failed.
int launch_mpirun(const LaunchOptions& options, const LaunchHandlers& handlers);

/// Those of the hosts that run a command by ssh within ten seconds.
std::vector<Host> answering(const LaunchOptions& options);

}  // namespace graft::launch
