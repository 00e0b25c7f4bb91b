#pragma once

#include <map>
#include <string>
#include <vector>

namespace graft::hub {

/// A scalar, or a list of scalars, as texts.
struct CardValue {
  std::vector<std::string> items;
  bool is_list = false;
};

using CardMetadata = std::map<std::string, CardValue>;

/// The scalars and lists of scalars at the top of a card's YAML (between two lines of `---` at its
/// beginning). The rest of it is passed over, and so is what is long or holds control characters.
/// Nothing of a card without YAML or with a broken one.
CardMetadata card_metadata(const std::string& card);

}  // namespace graft::hub
