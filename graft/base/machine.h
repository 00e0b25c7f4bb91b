#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

// What the operating system says about the machine, for people to read.
namespace graft {

/// The processor's product name, from /proc/cpuinfo or sysctl; its architecture ("aarch64") if they
/// give none.
std::string processor_name();

/// The system and its processor's architecture, as uname says: "Linux x86_64".
std::string system_name();

/// This program's file, "graft" where the system does not say it.
std::string program_path();

/// In bytes.
struct MachineMemory {
  size_t total;
  std::optional<size_t> available;  // without swapping; where the system says it
  std::optional<size_t> limit;      // of the container, if it has one below the total
};

MachineMemory machine_memory();

/// The memory that a control group and those above it leave its processes, in bytes, if any of them
/// has a limit. `groups` is what /proc/self/cgroup says (version 2: "0::/a/b", version 1:
/// "4:memory:/a/b"), `root` the folder where the groups are mounted (/sys/fs/cgroup). Of a
/// container that does not see its own group's folder, the root's limits count.
std::optional<size_t> group_limit(const std::string& groups, const std::filesystem::path& root);

/// The memory that this process may use, and what says so.
struct UsableMemory {
  size_t bytes;
  const char* from;  // "the machine has", for a message
};

/// The least of the machine's memory, its control groups' limits and its own: RLIMIT_DATA, which
/// mapped files do not count for, and RLIMIT_AS, of which the process has `reserved` already that
/// is no memory.
UsableMemory usable_memory(size_t mapped_files = 0, size_t reserved = 0);

}  // namespace graft
