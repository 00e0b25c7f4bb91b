#pragma once

#include <cstdint>
#include <string>

namespace graft {

/// Bytes: "1.5GB" (of 1000 MB), "800 MiB" (of 1024 KiB), "4096". Throws UsageError for others.
uint64_t byte_size(const std::string& text);

}  // namespace graft
