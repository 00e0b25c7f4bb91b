#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "graft/tokenizer/resolved_tokenizer.h"

namespace graft::gguf {

/// Values of `tokenizer.ggml.token_type`.
enum class TokenType : int32_t {
  normal = 1,
  unknown = 2,
  control = 3,       ///< found in a text only where special tokens are asked for
  user_defined = 4,  ///< found in every text
  unused = 5,
  byte = 6  ///< <0xXX>
};

/// The tokens of a GGUF file, by id.
struct Tokens {
  std::vector<std::string> texts;
  std::vector<TokenType> types;
};

/// The tokens of a tokenizer, filled up to `rows` with ones that are not used. All texts are
/// distinct, as llama.cpp demands. Throws Error, which begins with `name`, if there are more tokens
/// than rows.
Tokens tokens_of(const tokenizer::ResolvedTokenizer& tokenizer, size_t rows,
                 const std::string& name);

}  // namespace graft::gguf
