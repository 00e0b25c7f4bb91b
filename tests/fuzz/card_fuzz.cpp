// Reads the metadata of model cards.
#include <cstdint>
#include <string>

#include "graft/base/error.h"
#include "graft/hub/card_metadata.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    graft::hub::card_metadata(std::string(reinterpret_cast<const char*>(data), size),
                              *graft::silent_front_end());
  } catch (const graft::Error&) {
  }
  return 0;
}
