#include "graft/base/machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#ifdef __APPLE__
#include <mach-o/dyld.h>
#include <sys/sysctl.h>

#include <array>
#endif

namespace graft {
namespace {

namespace fs = std::filesystem;

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

// No limit is "max", or a number beyond any memory.
void take_limit(const fs::path& file, std::optional<size_t>& least) {
  size_t bytes = 0;
  if (std::ifstream(file) >> bytes) least = std::min(least.value_or(bytes), bytes);
}

// The limits in `name` of a group's folder below `root` and of all folders above it.
void take_limits(const fs::path& root, const std::string& group, const char* name,
                 std::optional<size_t>& least) {
  const fs::path inside = fs::path(group).lexically_normal().relative_path();
  take_limit(root / name, least);
  fs::path folder = root;
  for (const fs::path& part : inside) {
    if (part == "..") return;  // of a namespace that does not hold the group
    folder /= part;
    take_limit(folder / name, least);
  }
}

std::string own_groups() {
  std::ifstream file("/proc/self/cgroup");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string program_path() {
#ifdef __APPLE__
  std::array<char, 4096> path{};
  uint32_t size = path.size();
  std::error_code error;
  if (::_NSGetExecutablePath(path.data(), &size) != 0) return "graft";
  const fs::path whole = fs::canonical(path.data(), error);
#else
  std::error_code error;
  const fs::path whole = fs::read_symlink("/proc/self/exe", error);
#endif
  return error ? "graft" : whole.string();
}

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

std::optional<size_t> group_limit(const std::string& groups, const fs::path& root) {
  std::optional<size_t> least;
  take_limits(root, "", "memory.max", least);
  take_limits(root / "memory", "", "memory.limit_in_bytes", least);
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string kinds = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (kinds == ",,") take_limits(root, group, "memory.max", least);
    if (kinds.find(",memory,") != std::string::npos) {
      take_limits(root / "memory", group, "memory.limit_in_bytes", least);
    }
  }
  return least;
}

UsableMemory usable_memory(size_t mapped_files, size_t reserved) {
  const MachineMemory machine = machine_memory();
  UsableMemory usable{machine.total, "the machine has"};
  const auto take = [&](size_t bytes, const char* from) {
    if (bytes < usable.bytes) usable = {bytes, from};
  };
  if (machine.limit) take(*machine.limit, "the container may take");
  const auto own = [](auto kind) -> std::optional<size_t> {
    rlimit limit{};
    if (::getrlimit(kind, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return limit.rlim_cur;
  };
  if (const auto data = own(RLIMIT_DATA)) {
    take(*data + mapped_files, "the limit of its data leaves it");
  }
  if (const auto space = own(RLIMIT_AS)) {
    take(*space - std::min(*space, reserved), "the limit of its address space leaves it");
  }
  return usable;
}

MachineMemory machine_memory() {
  MachineMemory memory{};
  memory.total =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (std::string kb = line_of("/proc/meminfo", "MemAvailable"); !kb.empty()) {
    memory.available = std::stoull(kb) * 1024;
  }
  memory.limit = group_limit(own_groups(), "/sys/fs/cgroup");
  if (memory.limit >= memory.total) memory.limit.reset();
  return memory;
}

}  // namespace graft
