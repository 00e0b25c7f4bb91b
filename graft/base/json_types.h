#pragma once

#include <nlohmann/json.hpp>

// JSON values under the names that the whole tree has for them.
namespace graft {

using nlohmann::json;
using nlohmann::ordered_json;

}  // namespace graft
