#pragma once

#include "graft/tokenizer/chat_template.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::tokenizer {

/// A template in ChatML's form, for models whose makers ship none: roles system, user, assistant
/// and tool, tool calls and tools as JSON, and {% generation %} around what an assistant says
/// through the token that ends its turn. That token is <|im_end|> where the tokenizer has it as one
/// token, else its eos_token, so that generation stops at it; <|im_end|> as text where it has
/// neither.
ChatTemplate chatml_template(const Tokenizer& tokenizer);

}  // namespace graft::tokenizer
