#pragma once

#include <string_view>
#include <vector>

#include "graft/base/span.h"

namespace graft::tokenizer {

/// Appends the places of `pattern` in a text from left to right, none overlapping; an empty pattern
/// has none.
inline void find_literal(std::string_view pattern, std::string_view text,
                         std::vector<Span>& matches) {
  if (pattern.empty()) return;
  for (size_t at = text.find(pattern); at != std::string_view::npos;) {
    matches.push_back({at, at + pattern.size()});
    at = text.find(pattern, at + pattern.size());
  }
}

}  // namespace graft::tokenizer
