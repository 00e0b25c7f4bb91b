#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/tokenizer/sentencepiece_tokenizer.h"
#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// The tokenizer in a GGUF file's metadata. The comments name the keys; a field that the file lacks
/// is empty.
struct GgufTokenizer {
  std::string model{};                      ///< tokenizer.ggml.model
  std::string pre{};                        ///< tokenizer.ggml.pre
  std::vector<std::string> tokens{};        ///< tokenizer.ggml.tokens
  std::vector<double> scores{};             ///< tokenizer.ggml.scores
  std::vector<std::string> merges{};        ///< tokenizer.ggml.merges
  std::vector<int32_t> token_types{};       ///< tokenizer.ggml.token_type
  std::optional<int64_t> bos_token_id{};    ///< tokenizer.ggml.bos_token_id
  std::optional<int64_t> eos_token_id{};    ///< tokenizer.ggml.eos_token_id
  std::optional<int64_t> unk_token_id{};    ///< tokenizer.ggml.unknown_token_id
  std::optional<int64_t> pad_token_id{};    ///< tokenizer.ggml.padding_token_id
  std::optional<bool> add_bos_token{};      ///< tokenizer.ggml.add_bos_token
  std::optional<bool> add_eos_token{};      ///< tokenizer.ggml.add_eos_token
  std::optional<bool> add_space_prefix{};   ///< tokenizer.ggml.add_space_prefix
  std::string chat_template{};              ///< tokenizer.chat_template
  std::optional<int64_t> context_length{};  ///< <architecture>.context_length
  std::optional<bool> nfc{};                ///< graft.tokenizer.nfc
  std::string space_prefix{};               ///< graft.tokenizer.space_prefix
};

/// What graft writes beside llama.cpp's keys, which cannot say it: whether text is brought to NFC
/// first, and where a text that gets a space gets it.
inline constexpr const char* kGgufNfcKey = "graft.tokenizer.nfc";
inline constexpr const char* kGgufSpacePrefixKey = "graft.tokenizer.space_prefix";

/// The values of the latter.
std::string_view gguf_name_of(SentencePieceHints::SpacePrefix prefix);

/// Converts GGUF metadata of a byte-level BPE tokenizer (model "gpt2") or a SentencePiece BPE
/// tokenizer ("llama") to the files that `tokenizers` and `transformers` load. If the latter has no
/// merges, they are derived from its scores. Control tokens become special added tokens,
/// user-defined ones added tokens; padding to a round size ("unused") is left out. Throws Error,
/// which begins with `name` and the key, if the metadata is broken or the model or pre-tokenizer is
/// not supported; warns if the metadata does not say how text is cut.
TokenizerDocuments convert_gguf_tokenizer(const GgufTokenizer& gguf, const std::string& name,
                                          FrontEnd& front_end = *silent_front_end());

}  // namespace graft::tokenizer
