#pragma once

#include <cstdint>
#include <vector>

#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/normalizer.h"
#include "graft/tokenizer/pre_tokenizer.h"

namespace graft {

/// The parts of a tokenizer.json around its model. Each throws Error that names the field, what it
/// holds and what is supported.
Normalizer read_normalizer(const JsonField& field);
PreTokenizer read_pre_tokenizer(const JsonField& field);

/// The ids that the post-processor puts before and after every text.
void read_post_processor(const JsonField& field, std::vector<int32_t>& prefix,
                         std::vector<int32_t>& suffix);

/// Throws unless the decoder is the byte-level one.
void check_decoder(const JsonField& field);

}  // namespace graft
