// Parses .npy headers, without the zip and its checksums around them.
#include <cstdint>

#include "graft/base/error.h"
#include "graft/io/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    graft::io::parse_npy_header({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const graft::Error&) {
  }
  return 0;
}
