#include "graft/base/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#ifdef __APPLE__
#include <sys/sysctl.h>

#include <array>
#endif

namespace graft {
namespace {

// What follows "name   : " in a file of such lines; "" if there is no such line.
std::string line_of(const char* file, const std::string& name) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    const size_t colon = line.find_first_not_of(" \t", name.size());
    if (colon == std::string::npos || line[colon] != ':') continue;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return {};
}

std::string told_name() {
#ifdef __APPLE__
  std::array<char, 256> name{};
  size_t size = name.size() - 1;
  const bool told = sysctlbyname("machdep.cpu.brand_string", name.data(), &size, nullptr, 0) == 0;
  return told ? name.data() : "";
#else
  return line_of("/proc/cpuinfo", "model name");
#endif
}

// The container's control group's limit (version 2, or 1), in bytes. No limit is "max", or a number
// beyond any memory.
std::optional<size_t> limit_of_group() {
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    size_t bytes = 0;
    if (std::ifstream(file) >> bytes) return bytes;
  }
  return {};
}

}  // namespace

std::string processor_name() {
  if (std::string name = told_name(); !name.empty()) return name;
  utsname system{};
  return uname(&system) == 0 ? system.machine : "unknown";
}

std::string system_name() {
  utsname system{};
  if (uname(&system) != 0) return "unknown";
  return std::string(system.sysname) + " " + system.machine;
}

MachineMemory machine_memory() {
  MachineMemory memory{};
  memory.total =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (std::string kb = line_of("/proc/meminfo", "MemAvailable"); !kb.empty()) {
    memory.available = std::stoull(kb) * 1024;
  }
  memory.limit = limit_of_group();
  if (memory.limit >= memory.total) memory.limit.reset();
  return memory;
}

}  // namespace graft
