#include "graft/hub/card_metadata.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <string_view>

#include "graft/hub/text.h"

namespace graft::hub {
namespace {

constexpr size_t kMostYamlBytes = size_t{1} << 20;
constexpr size_t kMostItems = 100;
constexpr size_t kMostItemBytes = 500;  // an alias can repeat a long one

}  // namespace

std::string front_matter(std::string_view card) {
  if (card.starts_with("\xEF\xBB\xBF")) card.remove_prefix(3);  // a byte order mark
  std::string yaml;
  for (bool first = true; !card.empty(); first = false) {
    const size_t end = std::min(card.find('\n'), card.size());
    std::string_view line = card.substr(0, end);
    card.remove_prefix(std::min(end + 1, card.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (first) {
      if (line != "---") return "";
      continue;
    }
    if (line == "---") return yaml;
    yaml.append(line).push_back('\n');
    if (yaml.size() > kMostYamlBytes) return "";
  }
  return "";
}

namespace {

bool fits(const YAML::Node& node) {
  return node.IsScalar() && node.Scalar().size() <= kMostItemBytes &&
         !has_control_characters(node.Scalar());
}

}  // namespace

CardMetadata card_metadata(const std::string& card, FrontEnd& front_end) {
  CardMetadata metadata;
  try {
    const YAML::Node root = YAML::Load(front_matter(card));
    if (!root.IsMap()) return {};
    for (const auto& entry : root) {
      if (!fits(entry.first) || metadata.size() >= kMostItems) continue;
      CardValue value;
      if (fits(entry.second)) {
        value.items.push_back(entry.second.Scalar());
      } else if (entry.second.IsSequence()) {
        value.is_list = true;
        for (const YAML::Node& item : entry.second) {
          if (fits(item) && value.items.size() < kMostItems) value.items.push_back(item.Scalar());
        }
      }
      if (!value.items.empty()) metadata[entry.first.Scalar()] = std::move(value);
    }
  } catch (const YAML::Exception& error) {
    front_end.warn("the YAML of the original's card is broken, and is passed over: {}",
                   error.what());
    return {};
  }
  return metadata;
}

}  // namespace graft::hub
