#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graft/base/span.h"

namespace graft::data::check {

/// A part of a text that looks like a key, and whose.
struct Secret {
  const char* kind;  // "a key of AWS"
  Span bytes;
};

/// Keys by the forms that their makers give them, in order: nothing that only has the prefix, and
/// no placeholder such as "sk-xxxxxxxx".
std::vector<Secret> secrets_in(std::string_view text);

/// The text with "[a key of AWS]" in their place.
std::string without_secrets(std::string_view text);

}  // namespace graft::data::check
