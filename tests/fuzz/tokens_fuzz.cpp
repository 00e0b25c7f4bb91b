// Reads files of tokens, as they are and with the checksum that they should have.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "graft/base/error.h"
#include "graft/data/token_file.h"

namespace {

void read(std::string_view bytes) {
  try {
    const graft::data::Dataset set =
        graft::data::read_token_file(bytes, std::make_shared<const int>());
    for (size_t i = 0; i < set.examples.size(); ++i) {
      if (set.examples[i].weights().size() != set.examples[i].ids.size()) __builtin_trap();
      set.place_of(i);
    }
    graft::data::fingerprint(set);
  } catch (const graft::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint64_t> words((size + 7) / 8);
  if (size > 0) std::memcpy(words.data(), data, size);
  auto* const bytes = reinterpret_cast<char*>(words.data());
  const std::string_view text(bytes, size);
  read(text);
  if (size < sizeof(uint64_t)) return 0;
  const uint64_t checksum = graft::data::token_file_checksum(text);
  std::memcpy(bytes + size - sizeof checksum, &checksum, sizeof checksum);
  read(text);
  return 0;
}
