#include "graft/trunk/joined_texts.h"

namespace graft::trunk {

void JoinedTexts::add(std::span<const int32_t> text) {
  const auto begin = static_cast<int64_t>(ids_.size());
  ids_.insert(ids_.end(), text.begin(), text.end());
  const auto end = static_cast<int64_t>(ids_.size());
  sequences_.push_back({begin, end, begin, end});
}

mx::array JoinedTexts::array() const {
  return mx::array(ids_.begin(), {static_cast<int>(ids_.size())}, mx::int32);
}

}  // namespace graft::trunk
