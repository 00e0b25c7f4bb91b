#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf_types.h"

namespace graft::io {

/// The metadata of a GGUF file that is written, in the order in which it is set: each key once.
class GgufKeys {
 public:
  void set(std::string_view key, std::string_view text);
  void set(std::string_view key, const char* text) { set(key, std::string_view(text)); }
  void set(std::string_view key, uint32_t number);
  void set(std::string_view key, int32_t number);
  void set(std::string_view key, float number);
  void set(std::string_view key, bool flag);
  void set(std::string_view key, const std::vector<std::string>& texts);
  void set(std::string_view key, const std::vector<int32_t>& numbers);
  void set(std::string_view key, const std::vector<uint32_t>& numbers);
  void set(std::string_view key, const std::vector<float>& numbers);
  void set(std::string_view key, const std::vector<bool>& flags);

 protected:
  /// The bytes of all pairs, and how many there are.
  const std::string& pairs() const { return pairs_; }
  uint64_t pair_count() const { return pair_count_; }
  /// From here on there are no more: std::logic_error.
  void close() { closed_ = true; }

 private:
  std::string& pair(std::string_view key, GgufValueType type);
  template <class Number>
  void array(std::string_view key, GgufValueType type, const std::vector<Number>& numbers);

  std::string pairs_;
  uint64_t pair_count_ = 0;
  bool closed_ = false;
};

}  // namespace graft::io
