#pragma once

#include <string>
#include <vector>

#include "graft/base/files.h"

namespace graft::launch {

/// A machine that takes part, once for each process on it.
struct Host {
  std::string ssh;  // its name for ssh; "" or a name of this machine: no ssh
  std::vector<std::string> addresses = {};  // by which the others reach it; may be none

  bool operator==(const Host&) const = default;
};

struct Hosts {
  std::vector<Host> all;                      // in the order of the ranks
  std::string backend = {};                   // that the file asks for; or none
  std::vector<std::string> environment = {};  // "NAME=value", for all
};

/// A host file of mlx.launch (MLX 0.32, python/mlx/_distributed_utils/common.py): a list of
/// {"ssh", "ips"}, or a map that has it as "hosts", beside "backend" and "envs". Throws UsageError,
/// which names the file and the entry, for one that is none.
Hosts read_hosts(const fs::path& file);

/// Of "a,b,10.0.0.3": each `each` times. Throws UsageError for an empty name.
std::vector<Host> hosts_of(const std::string& list, int each);

/// Whether processes of it are started without ssh: 127.0.0.1, localhost, or nothing.
bool is_this_machine(const Host& host);

}  // namespace graft::launch
