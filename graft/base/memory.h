#pragma once

#include <cstddef>
#include <string_view>

namespace graft {

/// The most memory that the process has had resident so far, in bytes (VmHWM on Linux). Pages of
/// mapped files count.
size_t peak_memory();

/// The memory that the process has resident now and cannot use for anything else: without blocks
/// that were freed and kept, and without pages of mapped files whose names end in `apart` (weights
/// that are counted otherwise). Where the system does not say it, peak_memory().
size_t memory_in_use(std::string_view apart);

/// The addresses that the process has taken and has nothing resident at, without those of files
/// whose names end in `apart`; 0 where the system does not say it.
size_t memory_reserved(std::string_view apart);

/// Keeps freed blocks in the process: a training step frees and takes the same large blocks again
/// and again, and glibc would return each to the system and fault it in again. Call once, at the
/// start.
void keep_freed_memory();

}  // namespace graft
