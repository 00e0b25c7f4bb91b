#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf_types.h"

namespace graft::testing {

/// Makes the bytes of a GGUF file, right or wrong as asked.
class GgufBuilder {
 public:
  uint32_t version = 3;
  std::string magic = "GGUF";
  uint64_t alignment = 32;
  /// Added to the true counts.
  uint64_t extra_tensors = 0, extra_pairs = 0;

  template <class Number>
  static std::string raw(Number value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  static std::string text(std::string_view value) {
    return raw<uint64_t>(value.size()) + std::string(value);
  }

  /// Any pair: `value` is what stands behind the type.
  GgufBuilder& pair(std::string_view key, uint32_t type, const std::string& value) {
    pairs_ += text(key) + raw(type) + value;
    ++pair_count_;
    return *this;
  }
  GgufBuilder& set(std::string_view key, std::string_view value) {
    return pair(key, 8, text(value));
  }
  GgufBuilder& set(std::string_view key, const char* value) {
    return set(key, std::string_view(value));
  }
  GgufBuilder& set(std::string_view key, uint32_t value) { return pair(key, 4, raw(value)); }
  GgufBuilder& set(std::string_view key, float value) { return pair(key, 6, raw(value)); }
  GgufBuilder& set(std::string_view key, bool value) {
    return pair(key, 7, raw<uint8_t>(value ? 1 : 0));
  }
  GgufBuilder& set(std::string_view key, const std::vector<std::string>& values) {
    std::string bytes = raw<uint32_t>(8) + raw<uint64_t>(values.size());
    for (const std::string& value : values) bytes += text(value);
    return pair(key, 9, bytes);
  }
  GgufBuilder& set(std::string_view key, const std::vector<int32_t>& values) {
    std::string bytes = raw<uint32_t>(5) + raw<uint64_t>(values.size());
    for (int32_t value : values) bytes += raw(value);
    return pair(key, 9, bytes);
  }

  /// Any tensor entry; `dimensions` as in the file, the row's width first.
  GgufBuilder& entry(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type,
                     uint64_t offset) {
    tensors_ += text(name) + raw(static_cast<uint32_t>(dimensions.size()));
    for (uint64_t dimension : dimensions) tensors_ += raw(dimension);
    tensors_ += raw(type) + raw(offset);
    ++tensor_count_;
    return *this;
  }
  /// A tensor and its bytes, behind the last one's.
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& dimensions,
                      io::GgufTensorType type, const std::string& bytes) {
    entry(name, dimensions, static_cast<uint32_t>(type), data_.size());
    data_ += bytes;
    data_.resize((data_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }
  GgufBuilder& data(size_t bytes) {
    data_.resize(data_.size() + bytes, '\0');
    return *this;
  }

  std::string bytes() const {
    std::string header = magic + raw(version) + raw(tensor_count_ + extra_tensors) +
                         raw(pair_count_ + extra_pairs) + pairs_ + tensors_;
    if (!data_.empty()) {
      header.resize((header.size() + alignment - 1) / alignment * alignment, '\0');
    }
    return header + data_;
  }

 private:
  std::string pairs_, tensors_, data_;
  uint64_t pair_count_ = 0, tensor_count_ = 0;
};

}  // namespace graft::testing
