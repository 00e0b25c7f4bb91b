#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace graft::io {

static_assert(std::endian::native == std::endian::little, "a GGUF file is little-endian");

/// Appends a number as a GGUF file has it.
template <class Number>
void put_gguf(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

/// The same of a text, with its length before it.
inline void put_gguf_text(std::string& bytes, std::string_view text) {
  put_gguf<uint64_t>(bytes, text.size());
  bytes += text;
}

}  // namespace graft::io
