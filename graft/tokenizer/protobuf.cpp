#include "graft/tokenizer/protobuf.h"

#include <bit>

#include "graft/base/error.h"

namespace graft::tokenizer {

void ProtobufReader::reject(std::string_view problem) const {
  fail("{}: byte {}: {}", name_, base_ + at_, problem);
}

uint64_t ProtobufReader::read_varint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == bytes_.size()) reject("the file ends within a number");
    uint64_t byte = static_cast<unsigned char>(bytes_[at_++]);
    // The tenth byte has room for one bit.
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  reject("a number of more than 64 bits");
}

std::string_view ProtobufReader::take(uint64_t size) {
  if (size > bytes_.size() - at_) reject("a field that is longer than what is left");
  std::string_view taken = bytes_.substr(at_, static_cast<size_t>(size));
  at_ += taken.size();
  return taken;
}

bool ProtobufReader::next() {
  if (at_ == bytes_.size()) return false;
  uint64_t tag = read_varint();
  if (tag > UINT32_MAX || tag >> 3 == 0) reject("a field number that does not exist");
  field_ = static_cast<uint32_t>(tag >> 3);
  wire_ = static_cast<Wire>(tag & 7);
  switch (wire_) {
    case Wire::varint:
    case Wire::fixed64:
    case Wire::bytes:
    case Wire::fixed32:
      return true;
  }
  reject(fmt::format("field {} has wire type {}, which is not supported", field_, tag & 7));
}

void ProtobufReader::expect(Wire wire, std::string_view type) {
  if (wire_ != wire) {
    reject(fmt::format("field {} has wire type {}; expected {}", field_,
                       static_cast<uint32_t>(wire_), type));
  }
}

uint64_t ProtobufReader::varint() {
  expect(Wire::varint, "0 (a whole number)");
  return read_varint();
}

float ProtobufReader::float32() {
  expect(Wire::fixed32, "5 (a float)");
  uint32_t bits = 0;
  unsigned shift = 0;
  for (char c : take(4)) {
    bits |= uint32_t{static_cast<unsigned char>(c)} << shift;
    shift += 8;
  }
  return std::bit_cast<float>(bits);
}

std::string_view ProtobufReader::bytes() {
  expect(Wire::bytes, "2 (a string, bytes or a message)");
  return take(read_varint());
}

ProtobufReader ProtobufReader::message() {
  std::string_view inner = bytes();
  ProtobufReader reader(inner, name_);
  reader.base_ = base_ + at_ - inner.size();
  return reader;
}

void ProtobufReader::skip() {
  switch (wire_) {
    case Wire::varint:
      read_varint();
      break;
    case Wire::fixed64:
      take(8);
      break;
    case Wire::bytes:
      bytes();
      break;
    case Wire::fixed32:
      take(4);
      break;
  }
}

}  // namespace graft::tokenizer
