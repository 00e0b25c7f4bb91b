#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graft/base/front_end.h"
#include "graft/gguf/tokens.h"
#include "graft/io/model_folder.h"
#include "graft/tokenizer/resolved_tokenizer.h"

namespace graft::gguf {

/// What a GGUF file says of single tokens.
struct SpecialIds {
  using Id = std::optional<int32_t>;
  Id bos{}, eos{}, unk{}, sep{}, pad{}, mask{};
  Id eot{}, eom{};  ///< generation ends at these, too
  bool add_bos = false, add_eos = false;
};

/// The special tokens of a tokenizer, with the ends of text that config.json and
/// generation_config.json add. llama.cpp takes the tokens 11 or 1 and 2 where bos and eos are not
/// said: they are always said if there is any token to name. Throws Error, which begins with
/// `name`, if the tokenizer puts more than one token before or after every text.
SpecialIds special_ids_of(const tokenizer::ResolvedTokenizer& tokenizer, const Tokens& tokens,
                          const io::ModelFolder& source, const std::string& name,
                          FrontEnd& front_end);

}  // namespace graft::gguf
