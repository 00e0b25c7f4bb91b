#pragma once

#include <map>
#include <string>
#include <vector>

#include "graft/base/front_end.h"

namespace graft::hub {

/// A scalar, or a list of scalars, as texts.
struct CardValue {
  std::vector<std::string> items;
  bool is_list = false;
};

using CardMetadata = std::map<std::string, CardValue>;

/// The scalars and lists of scalars at the top of a card's YAML (between two lines of `---` at its
/// beginning). The rest of it is passed over, and so is what is long or holds control characters.
/// Nothing of a card without YAML or with a broken one, of which the front end is warned.
CardMetadata card_metadata(const std::string& card, FrontEnd& front_end);

}  // namespace graft::hub
