#pragma once

#include <cstddef>

namespace graft {

/// The most memory that the process has had resident so far, in bytes (VmHWM on Linux). Pages of
/// mapped files count.
size_t peak_memory();

/// Keeps freed blocks in the process: a training step frees and takes the same large blocks again
/// and again, and glibc would return each to the system and fault it in again. Call once, at the
/// start.
void keep_freed_memory();

}  // namespace graft
