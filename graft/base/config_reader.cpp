#include "graft/base/config_reader.h"

#include <cmath>
#include <limits>

#include "graft/base/error.h"

namespace graft {

bool ConfigReader::has(const char* key) const {
  return object_.contains(key) && !object_[key].is_null();
}

template <class T>
T ConfigReader::missing(const char* key, const std::optional<T>& otherwise) const {
  if (!otherwise) fail("{}: {} is missing", what_, key);
  return *otherwise;
}

void ConfigReader::wrong(const char* key, const std::string& expected) const {
  std::string found = object_[key].dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (found.size() > 60) found = found.substr(0, 60) + "...";
  fail("{}: {} must be {}, found {}", what_, key, expected, found);
}

int64_t ConfigReader::integer(const char* key, std::optional<int64_t> otherwise,
                              int64_t least) const {
  if (!has(key)) return missing(key, otherwise);
  const nlohmann::json& value = object_[key];
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (!value.is_number_integer() || value.get<double>() < static_cast<double>(least) ||
      value.get<double>() > static_cast<double>(most)) {
    wrong(key, least == 1 ? "a positive integer" : fmt::format("an integer of at least {}", least));
  }
  return value.get<int64_t>();
}

double ConfigReader::number(const char* key, std::optional<double> otherwise) const {
  if (!has(key)) return missing(key, otherwise);
  const nlohmann::json& value = object_[key];
  if (!value.is_number() || !std::isfinite(value.get<double>())) wrong(key, "a number");
  return value.get<double>();
}

bool ConfigReader::boolean(const char* key, std::optional<bool> otherwise) const {
  if (!has(key)) return missing(key, otherwise);
  if (!object_[key].is_boolean()) wrong(key, "true or false");
  return object_[key].get<bool>();
}

std::string ConfigReader::text(const char* key, const std::optional<std::string>& otherwise) const {
  if (!has(key)) return missing(key, otherwise);
  if (!object_[key].is_string()) wrong(key, "a string");
  return object_[key].get<std::string>();
}

}  // namespace graft
