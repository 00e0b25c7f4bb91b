#include "graft/tokenizer/byte_fallback.h"

#include <fmt/format.h>

#include <algorithm>

namespace graft::tokenizer {

ByteFallback::ByteFallback(const Vocabulary& vocabulary) {
  for (size_t byte = 0; byte < ids_.size(); ++byte) {
    ids_[byte] = vocabulary.find_spelling(fmt::format("<0x{:02X}>", byte)).value_or(-1);
  }
}

bool ByteFallback::append(std::string_view bytes, std::vector<int32_t>& tokens) const {
  auto id_of = [this](char byte) { return ids_[static_cast<unsigned char>(byte)]; };
  if (!std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return id_of(byte) >= 0; })) {
    return false;
  }
  for (char byte : bytes) tokens.push_back(id_of(byte));
  return true;
}

}  // namespace graft::tokenizer
