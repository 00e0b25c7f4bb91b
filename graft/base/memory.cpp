#include "graft/base/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace graft {
namespace {

// In bytes.
struct Mapped {
  size_t addresses = 0, resident = 0;
};

// What the process has mapped, but for files whose names end in `apart`; 0 where the system does
// not say it.
Mapped mapped_besides(std::string_view apart) {
  // A mapping is a line "addresses ... file", then lines such as "Rss:  12 kB".
  std::ifstream lines("/proc/self/smaps");
  Mapped mapped;
  bool counts = true;
  const auto bytes = [](const std::string& line) {
    return size_t{1024} * std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10);
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.find('-') < line.find(':')) {
      counts = apart.empty() || !line.ends_with(apart);
    } else if (counts && line.starts_with("Size:")) {
      mapped.addresses += bytes(line);
    } else if (counts && line.starts_with("Rss:")) {
      mapped.resident += bytes(line);
    }
  }
  return mapped;
}

}  // namespace

size_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return static_cast<size_t>(usage.ru_maxrss);
#else
  return static_cast<size_t>(usage.ru_maxrss) * 1024;
#endif
}

size_t memory_in_use(std::string_view apart) {
  const Mapped mapped = mapped_besides(apart);
  if (mapped.resident == 0) return peak_memory();
  size_t bytes = mapped.resident;
#ifdef __GLIBC__
  bytes -= std::min(bytes, mallinfo2().fordblks);
#endif
  return bytes;
}

size_t memory_reserved(std::string_view apart) {
  const Mapped mapped = mapped_besides(apart);
  return mapped.addresses - std::min(mapped.addresses, mapped.resident);
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

}  // namespace graft
