#pragma once

#include <cstdint>
#include <vector>

namespace graft::tokenizer {

/// What happens to the tokens of a text at last.
struct PostProcessor {
  /// Leaves spaces at the ends of tokens out of their spans (`trim_offsets` of ByteLevel).
  struct Trim {
    bool keeps_first_space = true;  ///< one at the beginning of the text (`add_prefix_space`)
  };

  std::vector<int32_t> prefix{}, suffix{};  ///< tokens put around every text
  std::vector<Trim> trims{};                ///< one after the other
};

}  // namespace graft::tokenizer
