#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace graft::tokenizer {

/// Reads one message in protobuf's wire format
/// (https://protobuf.dev/programming-guides/encoding), field after field:
///
///   while (reader.next()) {
///     if (reader.field() == 1) text = reader.bytes(); else reader.skip();
///   }
///
/// Throws Error, with the name and the byte, for a value that is cut off, too long or not of the
/// requested type. Groups, which proto3 does not have, are refused.
class ProtobufReader {
 public:
  /// `name` is the name of the file in errors. Both must outlive the reader.
  ProtobufReader(std::string_view bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  /// Moves to the next field, whose value must then be taken; false at the end of the message.
  bool next();

  /// The number of the field.
  uint32_t field() const { return field_; }

  /// The value, of one of the types that are written as a varint.
  uint64_t varint();
  int32_t int32() { return static_cast<int32_t>(static_cast<uint32_t>(varint())); }
  bool boolean() { return varint() != 0; }

  float float32();

  /// The value, a string or bytes: a view of the input.
  std::string_view bytes();

  /// The value, a message.
  ProtobufReader message();

  /// Skips the value, of any type.
  void skip();

 private:
  enum class Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  void expect(Wire wire, std::string_view type);
  uint64_t read_varint();
  std::string_view take(uint64_t size);
  [[noreturn]] void reject(std::string_view problem) const;

  std::string_view bytes_;
  std::string_view name_;
  size_t base_ = 0;  // where bytes_ begins in the file
  size_t at_ = 0;
  uint32_t field_ = 0;
  Wire wire_ = Wire::varint;
};

}  // namespace graft::tokenizer
