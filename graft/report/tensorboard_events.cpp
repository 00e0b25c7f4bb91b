#include "graft/report/tensorboard_events.h"

#include <bit>

#include "graft/report/crc32c.h"

namespace graft::report {
namespace {

// The fields' numbers in the .proto files.
enum Event : uint32_t { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7 };
enum Summary : uint32_t { kValue = 1, kTag = 1, kSimpleValue = 2 };
enum SessionLog : uint32_t { kStatus = 1, kStart = 1 };

enum class Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

template <class Number>
std::string little_endian(Number number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Number); ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  return bytes;
}

std::string varint(uint64_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  return bytes + static_cast<char>(number);
}

std::string key(uint32_t field, Wire wire) {
  return varint(field << 3 | static_cast<uint32_t>(wire));
}

std::string integer(uint32_t field, int64_t value) {
  return key(field, Wire::varint) + varint(static_cast<uint64_t>(value));
}

std::string real(uint32_t field, double value) {
  return key(field, Wire::fixed64) + little_endian(std::bit_cast<uint64_t>(value));
}

std::string real(uint32_t field, float value) {
  return key(field, Wire::fixed32) + little_endian(std::bit_cast<uint32_t>(value));
}

std::string bytes(uint32_t field, std::string_view value) {
  return key(field, Wire::bytes) + varint(value.size()) + std::string(value);
}

// Rotated and moved, so that the CRC of bytes that hold a CRC is nothing special.
uint32_t masked_crc(std::string_view data) { return std::rotr(crc32c(data), 15) + 0xa282ead8u; }

}  // namespace

std::string framed(std::string_view data) {
  const std::string length = little_endian(uint64_t{data.size()});
  return length + little_endian(masked_crc(length)) + std::string(data) +
         little_endian(masked_crc(data));
}

std::string version_event(double wall_time) {
  return real(kWallTime, wall_time) + bytes(kFileVersion, "brain.Event:2");
}

std::string start_event(double wall_time, int64_t step) {
  return real(kWallTime, wall_time) + integer(kStep, step) +
         bytes(kSessionLog, integer(kStatus, kStart));
}

std::string scalars_event(double wall_time, int64_t step, const std::vector<Scalar>& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars) {
    summary += bytes(kValue, bytes(kTag, tag) + real(kSimpleValue, static_cast<float>(value)));
  }
  return real(kWallTime, wall_time) + integer(kStep, step) + bytes(kSummary, summary);
}

}  // namespace graft::report
