#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace graft {

/// Fields of a JSON object that someone else wrote. Each getter throws Error, naming the file and
/// the field, when the field is of another type, out of range, or missing without a default; null
/// counts as missing, as in the configs of checkpoints.
class ConfigReader {
 public:
  /// `what` names the object in errors; the object must outlive the reader.
  ConfigReader(const nlohmann::json& object, std::string what)
      : object_(object), what_(std::move(what)) {}

  bool has(const char* key) const;
  /// An integer from `least` to 2^31 - 1.
  int64_t integer(const char* key, std::optional<int64_t> otherwise = {}, int64_t least = 1) const;
  /// A finite number.
  double number(const char* key, std::optional<double> otherwise = {}) const;
  bool boolean(const char* key, std::optional<bool> otherwise = {}) const;
  std::string text(const char* key, const std::optional<std::string>& otherwise = {}) const;

 private:
  template <class T>
  T missing(const char* key, const std::optional<T>& otherwise) const;
  [[noreturn]] void wrong(const char* key, const std::string& expected) const;

  const nlohmann::json& object_;
  std::string what_;
};

}  // namespace graft
