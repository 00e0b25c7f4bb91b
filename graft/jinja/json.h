#pragma once

#include <optional>
#include <string>

#include "graft/jinja/value.h"

namespace graft::jinja {

/// How to_json writes, as json.dumps. Without `indent` all is one line.
struct JsonStyle {
  std::optional<std::string> indent{};
  std::optional<std::string> item_separator{}, key_separator{};
  bool sort_keys = false;
};

/// As Python's json.dumps with ensure_ascii=False.
std::string to_json(const Value& x, const JsonStyle& style);

}  // namespace graft::jinja
