#include "graft/tokenizer/token_sizes.h"

#include <limits>
#include <string>

namespace graft::tokenizer {

TokenSizes::TokenSizes(const Vocabulary& vocabulary, std::optional<int32_t> unknown_id)
    : sizes_(vocabulary.id_limit()), has_outer_space_(sizes_.size()) {
  const std::string unknown(unknown_id ? vocabulary.bytes(*unknown_id) : std::string_view());
  for (size_t id = 0; id < sizes_.size(); ++id) {
    const std::string_view bytes = vocabulary.bytes(static_cast<int32_t>(id));
    has_outer_space_[id] = bytes.starts_with(' ') || bytes.ends_with(' ');
    const bool is_sure = bytes.find("<0x") == std::string_view::npos &&
                         (!unknown_id || bytes.find(unknown) == std::string_view::npos);
    if (is_sure && bytes.size() <= std::numeric_limits<uint8_t>::max()) {
      sizes_[id] = static_cast<uint8_t>(bytes.size());
    }
  }
}

}  // namespace graft::tokenizer
