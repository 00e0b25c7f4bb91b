#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/front_end.h"

namespace graft::hub {

/// A scalar, or a list of scalars, as texts.
struct CardValue {
  std::vector<std::string> items;
  bool is_list = false;
};

using CardMetadata = std::map<std::string, CardValue>;

/// The YAML at a card's beginning, between two lines of `---`; empty if there is none.
std::string front_matter(std::string_view card);

/// The top-level scalars and lists of scalars in a card's YAML (between two lines of `---` at its
/// beginning). Other values are skipped, as are long ones and those with control characters. Empty
/// if there is no YAML, or broken YAML, of which the front end is warned.
CardMetadata card_metadata(const std::string& card, FrontEnd& front_end);

}  // namespace graft::hub
