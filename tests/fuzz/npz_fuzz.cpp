// Reads .npz files.
#include <cstdint>

#include "graft/base/error.h"
#include "graft/io/npz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    graft::io::parse_npz({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const graft::Error&) {
  }
  return 0;
}
