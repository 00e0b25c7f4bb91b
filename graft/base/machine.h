#pragma once

#include <cstddef>
#include <optional>
#include <string>

// What the operating system says about the machine, for people to read.
namespace graft {

/// The processor's product name, from /proc/cpuinfo or sysctl; its architecture ("aarch64") if they
/// give none.
std::string processor_name();

/// The system and its processor's architecture, as uname says: "Linux x86_64".
std::string system_name();

/// In bytes.
struct MachineMemory {
  size_t total;
  std::optional<size_t> available;  // without swapping; where the system says it
  std::optional<size_t> limit;      // of the container, if it has one below the total
};

MachineMemory machine_memory();

}  // namespace graft
