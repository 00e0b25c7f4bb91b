// Opens safetensors files and takes every tensor.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "graft/base/error.h"
#include "graft/io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  int descriptor = ::memfd_create("input", 0);
  if (descriptor < 0 || ::write(descriptor, data, size) != static_cast<ssize_t>(size)) std::abort();
  try {
    graft::io::SafetensorsFile file("/proc/self/fd/" + std::to_string(descriptor));
    for (const std::string& name : file.names()) {
      auto array = file.load(name);
      if (array.nbytes() != file.info(name).bytes) std::abort();
    }
  } catch (const graft::Error&) {
  }
  ::close(descriptor);
  return 0;
}
