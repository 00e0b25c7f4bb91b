#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "graft/tokenizer/sentencepiece_model.h"
#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// Settings that a SentencePiece model lacks, or that a tokenizer_config.json overrides. With the
/// defaults, the ids are those of SentencePiece itself.
struct SentencePieceHints {
  enum class MergeOrder {
    by_score,  ///< SentencePiece, transformers for GGUF files
    by_id      ///< transformers for a `tokenizer.model`
  };
  /// Where a text that needs a leading space gets one.
  enum class SpacePrefix {
    sentencepiece,  ///< before each part between special tokens, even before a space
    each_part,      ///< the same, but not before a space: transformers' "legacy": true
    text_start      ///< only at the beginning of the text, not before a space: "legacy": false
  };

  MergeOrder merge_order = MergeOrder::by_score;
  SpacePrefix space_prefix = SpacePrefix::sentencepiece;
  /// Whether texts need it; missing: as the model says.
  std::optional<bool> add_prefix_space{};
  std::optional<bool> add_bos_token{}, add_eos_token{};  ///< missing: not added
};

/// Converts a SentencePiece model, BPE or Unigram, to the files that `tokenizers` and
/// `transformers` load. Control and unknown pieces become special added tokens, user-defined ones
/// added tokens. Throws Error, which begins with `name`, if the model is broken or asks for
/// something that is not supported.
TokenizerDocuments sentencepiece_tokenizer(const SentencePieceModel& model, const std::string& name,
                                           const SentencePieceHints& hints = {});

/// The contents of the documents for a model that was read, or made from something else. `merges`
/// are those of a BPE model.
TokenizerParts sentencepiece_parts(const SentencePieceModel& model, nlohmann::ordered_json merges,
                                   const SentencePieceHints& hints, const std::string& name);

/// The merges of a BPE model, from its pieces.
nlohmann::ordered_json sentencepiece_merges(const SentencePieceModel& model,
                                            SentencePieceHints::MergeOrder order,
                                            const std::string& name);

}  // namespace graft::tokenizer
