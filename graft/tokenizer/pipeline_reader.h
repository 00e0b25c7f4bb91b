#pragma once

#include "graft/tokenizer/decoder.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/normalizer.h"
#include "graft/tokenizer/post_processor.h"
#include "graft/tokenizer/pre_tokenizer.h"
#include "graft/tokenizer/vocabulary.h"

// The parts of a tokenizer.json around its model. Each reader throws Error that names the field,
// what it holds and what is supported.
namespace graft::tokenizer {

Normalizer read_normalizer(const JsonField& field);

/// `spelling` is set to byte_level if the words' bytes are spelled (ByteLevel), else to literal.
PreTokenizer read_pre_tokenizer(const JsonField& field, Spelling& spelling);

/// What the post-processor puts before and after every text, and how it trims spans.
PostProcessor read_post_processor(const JsonField& field);

/// The decoder of a vocabulary. The pieces of byte-level tokens are bytes already, so a byte-level
/// decoder has nothing left to do.
Decoder read_decoder(const JsonField& field, Spelling spelling);

}  // namespace graft::tokenizer
