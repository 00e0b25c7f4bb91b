#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "graft/base/files.h"
#include "graft/base/json_types.h"

namespace graft::io {

/// Limits for JSON from other programs.
struct JsonLimits {
  int depth = 64;                  // nested objects and arrays
  int64_t keys = 1LL << 32;        // of one object; an ordered one searches itself for each
  bool refuse_duplicates = false;  // otherwise the last of two equal keys stands, as in Python
};

/// Parses a whole JSON text; `what` names it in errors. As Python's json, it knows NaN, Infinity
/// and -Infinity, and takes numbers too large for a double as infinite. Throws Error with the byte
/// offset for what is not JSON or not UTF-8, and for what is beyond the limits.
json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits = {});

/// The same, keeping the order of keys.
ordered_json parse_ordered_json(std::string_view text, const std::string& what,
                                const JsonLimits& limits = {});

/// Reads and parses a file that holds an object. Throws Error naming the file.
json read_json_object(const fs::path& path);
ordered_json read_ordered_json_object(const fs::path& path);

/// The text under a key of an object; empty if it is missing or not a text.
std::string text_at(const json& object, const char* key);

/// A name from a file, for a message: in quotes, without control characters, and cut when long.
std::string in_quotes(std::string_view text);

/// As Python's `json.dump(..., indent=4)` writes it: four spaces, ASCII only, NaN and Infinity.
std::string python_json(const ordered_json& value);

}  // namespace graft::io
