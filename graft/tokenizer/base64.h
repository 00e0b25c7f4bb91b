#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graft::tokenizer {

/// The bytes of a base64 text (RFC 4648, with its padding), or nothing if the text is not base64.
std::optional<std::string> base64_decode(std::string_view text);

/// The inverse.
std::string base64_encode(std::string_view bytes);

}  // namespace graft::tokenizer
