#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft::tokenizer {

/// A value in a parsed JSON document and where it stands ("tokenizer.json: model.unk_token"), so
/// that a wrong type is reported by name.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string file, std::string path = "")
      : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  /// The file and the path in it.
  std::string where() const { return path_.empty() ? file_ : file_ + ": " + path_; }

  /// The member, or nothing if it is missing or null.
  std::optional<JsonField> find(std::string_view key) const;
  /// The member; throws if it is missing or null.
  JsonField at(std::string_view key) const;
  std::vector<JsonField> elements() const;
  std::vector<std::pair<std::string, JsonField>> members() const;

  std::string string() const;
  bool boolean() const;
  /// Throws unless low <= value <= high.
  int64_t integer(int64_t low, int64_t high) const;

  /// The member `key`, or `otherwise` if it is missing or null.
  bool boolean_or(std::string_view key, bool otherwise) const;

  [[noreturn]] void reject(std::string_view expected) const;

 private:
  JsonField member(const nlohmann::json& value, std::string_view key) const;

  const nlohmann::json* value_;
  std::string file_, path_;
};

}  // namespace graft::tokenizer
