#include "graft/tokenizer/byte_level.h"

#include <array>
#include <cstdint>

#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

constexpr uint32_t kFirstSubstitute = 0x100;
constexpr uint32_t kSubstitutes = 68;  // bytes that are not printable Latin-1

constexpr bool stands_for_itself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<uint16_t, 256> char_of_byte{};
  std::array<int16_t, kFirstSubstitute + kSubstitutes> byte_of_char{};
};

constexpr Tables make_tables() {
  Tables tables;
  for (int16_t& byte : tables.byte_of_char) byte = -1;
  uint32_t next = kFirstSubstitute;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t c = stands_for_itself(byte) ? byte : next++;
    tables.char_of_byte[byte] = static_cast<uint16_t>(c);
    tables.byte_of_char[c] = static_cast<int16_t>(byte);
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

bool bytes_of_spelling(std::string_view spelling, std::string& bytes) {
  bytes.resize(spelling.size());
  char* out = bytes.data();
  for (size_t i = 0; i < spelling.size();) {
    if (char c = spelling[i]; c >= '!' && c <= '~') {
      *out++ = c;
      ++i;
      continue;
    }
    unicode::CodePoint c = unicode::decode(spelling.data() + i);
    if (c.value >= kTables.byte_of_char.size() || kTables.byte_of_char[c.value] < 0) return false;
    *out++ = static_cast<char>(kTables.byte_of_char[c.value]);
    i += c.size;
  }
  bytes.resize(static_cast<size_t>(out - bytes.data()));
  return true;
}

std::optional<std::string> bytes_of_spelling(std::string_view spelling) {
  std::string bytes;
  if (!bytes_of_spelling(spelling, bytes)) return std::nullopt;
  return bytes;
}

std::string spelling_of_bytes(std::string_view bytes) {
  std::string spelling;
  for (char byte : bytes) {
    unicode::append_utf8(spelling, kTables.char_of_byte[static_cast<unsigned char>(byte)]);
  }
  return spelling;
}

}  // namespace graft::tokenizer
