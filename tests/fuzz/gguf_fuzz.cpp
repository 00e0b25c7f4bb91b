// Parses GGUF headers and reads all that they name.
#include <cstdint>
#include <cstdlib>

#include "graft/base/error.h"
#include "graft/io/gguf.h"

namespace {

// Whatever kind a value is of, the other accessors must refuse it in order.
template <class Access>
void attempt(Access&& access) {
  try {
    access();
  } catch (const graft::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    graft::io::GgufHeader header = graft::io::parse_gguf(bytes, "input");
    for (const std::string& key : header.metadata.keys()) {
      attempt([&] { header.metadata.text(key); });
      attempt([&] { header.metadata.unsigned_number(key); });
      attempt([&] { header.metadata.number(key); });
      attempt([&] { header.metadata.flag(key); });
      attempt([&] { header.metadata.texts(key); });
      attempt([&] { header.metadata.integers(key); });
      attempt([&] { header.metadata.numbers(key); });
    }
    for (const auto& [name, tensor] : header.tensors) {
      if (tensor.offset > size || tensor.bytes > size - tensor.offset) std::abort();
    }
  } catch (const graft::Error&) {
  }
  return 0;
}
