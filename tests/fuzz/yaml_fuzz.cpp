// Reads settings, and writes and reads them again.
#include <cstdint>
#include <string>

#include "graft/base/error.h"
#include "graft/io/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const nlohmann::ordered_json settings = graft::io::parse_yaml_map(text, "f").json();
    graft::io::yaml_text(settings);
  } catch (const graft::Error&) {
  }
  return 0;
}
