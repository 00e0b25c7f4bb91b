#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graft/tokenizer/added_tokens.h"
#include "graft/tokenizer/class_pipeline.h"
#include "graft/tokenizer/decoder.h"
#include "graft/tokenizer/model.h"
#include "graft/tokenizer/normalizer.h"
#include "graft/tokenizer/post_processor.h"
#include "graft/tokenizer/pre_tokenizer.h"

namespace graft::tokenizer {

/// The added tokens of a tokenizer, with ids assigned as in Hugging Face tokenizers: the id of the
/// model's token of the same spelling, else the next free one.
class AddedTokenList {
 public:
  /// Adds a token, or gives the one of the same content new flags. Throws Error, which begins with
  /// `where`, if token.id is not -1 and not the id that the token gets.
  int32_t add(AddedToken token, const Vocabulary& vocabulary, const std::string& where);

  const AddedToken* find(std::string_view content) const;
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, size_t> index_;
  int32_t highest_ = -1;
};

/// What a tokenizer.json says.
struct TokenizerSpec {
  Model model;
  AddedTokenList added{};
  Normalizer normalizer{};
  PreTokenizer pre_tokenizer{};
  Decoder decoder{};
  PostProcessor post_processor{};
  std::string padding_token{};  ///< of `padding`; empty if there is none
};

/// What depends on the class with which transformers loads a tokenizer.json.
struct ClassRules {
  std::optional<ClassPipeline> pipeline = {};  ///< in place of the file's
  bool adds_tokens = true;                     ///< the file's added tokens count
  bool exact_scores = true;                    ///< or those that `tokenizers` reads (json_score)
};

/// Reads the text of a tokenizer.json. Throws Error, which names `name` and the field, if it is
/// broken or asks for something that is not supported. `classes` says how transformers interprets
/// it.
TokenizerSpec read_tokenizer_json(std::string_view text, const std::string& name,
                                  const ClassRules& classes);

}  // namespace graft::tokenizer
