#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf_types.h"

namespace graft::io {

class GgufCursor;

/// The key-value pairs of a GGUF file. Values stay in the file: what is returned as a view lives
/// as long as the bytes that were parsed. An accessor gives nothing if the key is absent, and
/// throws Error if the value is of another kind or does not fit.
class GgufMetadata {
 public:
  /// `what` names the file in errors.
  explicit GgufMetadata(std::string what) : what_(std::move(what)) {}

  bool has(const std::string& key) const { return entries_.count(key) > 0; }
  std::vector<std::string> keys() const;
  size_t size() const { return entries_.size(); }

  std::optional<std::string_view> text(const std::string& key) const;
  /// Of any integer type, if it is not negative.
  std::optional<uint64_t> unsigned_number(const std::string& key) const;
  /// Of any integer or floating type.
  std::optional<double> number(const std::string& key) const;
  std::optional<bool> flag(const std::string& key) const;

  std::optional<std::vector<std::string_view>> texts(const std::string& key) const;
  /// An array of any integer type.
  std::optional<std::vector<int64_t>> integers(const std::string& key) const;
  /// An array of any integer or floating type.
  std::optional<std::vector<double>> numbers(const std::string& key) const;
  /// Number of elements of an array; those of nested arrays are not counted.
  std::optional<size_t> count(const std::string& key) const;

  /// Reads one pair. Throws Error if it is malformed or its key is there already.
  void read_pair(GgufCursor& cursor);

 private:
  struct Entry {
    GgufValueType type{};  // of the elements, where it is an array
    bool is_array = false;
    uint64_t count = 1;      // elements
    std::string_view bytes;  // the value's, or the elements'
  };

  const Entry* find(const std::string& key) const;
  const Entry* find_array(const std::string& key) const;
  const Entry* find_single(const std::string& key) const;
  [[noreturn]] void refuse(const std::string& key, std::string_view expected) const;

  std::string what_;
  std::map<std::string, Entry> entries_;
};

}  // namespace graft::io
