#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/files.h"
#include "graft/tokenizer/encoding.h"
#include "graft/tokenizer/tokenizer_files.h"

namespace graft::tokenizer {

class Decoder;

struct EncodeOptions {
  /// Puts the tokens of the post-processor (such as beginning of text) around the text. The text of
  /// a chat template has them already.
  bool add_special_tokens = true;
};

struct DecodeOptions {
  /// Leaves out special tokens (end of text, roles of a chat).
  bool skip_special_tokens = false;
};

/// A tokenizer with the ids of Hugging Face's AutoTokenizer: BPE, byte-level (GPT-2, Llama 3,
/// Qwen2, SmolLM2) or SentencePiece-like (Llama 2, Mistral, Gemma), or Unigram. A copy shares the
/// tables; const methods may run in several threads.
class Tokenizer {
 public:
  /// Reads the tokenizer of a model folder (read_tokenizer_files), and tokenizer_config.json and
  /// special_tokens_map.json if they are there. Throws Error, which names the file and the field,
  /// if something is broken or not supported.
  static Tokenizer load(const fs::path& folder);

  /// The same from memory.
  static Tokenizer parse(const TokenizerFiles& files);

  /// The ids of a text. Invalid UTF-8 counts as U+FFFD, as with Python's errors="replace".
  std::vector<int32_t> encode(std::string_view text, EncodeOptions options = {}) const;

  /// The ids of each text, encoded on all cores.
  std::vector<std::vector<int32_t>> encode_batch(const std::vector<std::string>& texts,
                                                 EncodeOptions options = {}) const;

  /// The ids of a text with the part of it that each token comes from (see Encoding). Throws Error
  /// if the text is not valid UTF-8, and for the few tokenizers that make text which comes from no
  /// part of it, or that trim spans of tokens whose bytes are not spelled.
  Encoding encode_with_spans(std::string_view text, EncodeOptions options = {}) const;

  /// The same for each text, encoded on all cores.
  std::vector<Encoding> encode_batch_with_spans(const std::vector<std::string>& texts,
                                                EncodeOptions options = {}) const;

  /// The text of ids: valid UTF-8, with U+FFFD for invalid bytes. Ids without a token are skipped.
  std::string decode(std::span<const int32_t> ids, DecodeOptions options = {}) const;

  /// Whether there is a token with this id.
  bool has(int32_t id) const;

  /// The decoder's input for a token: in byte-level tokenizers the bytes that it stands for,
  /// perhaps only part of a character, in others its spelling. Empty if there is no such token.
  std::string_view piece(int32_t id) const;

  /// The id of a token as the files spell it ("<|im_end|>", "Ġthe").
  std::optional<int32_t> token_id(std::string_view spelling) const;

  bool is_special(int32_t id) const;

  /// Valid as long as the tokenizer or a copy of it lives.
  const Decoder& decoder() const;

  /// What kind it is, in words: "byte-level BPE".
  std::string kind() const;

  /// 16 hex digits that tell one tokenizer from another: a hash over the documents it was made of.
  const std::string& fingerprint() const;
  /// The special tokens by name: "bos_token", a model's own "image_token", and so on.
  const std::map<std::string, std::string>& special_tokens() const;
  std::optional<int32_t> eos_id() const;
  std::optional<int32_t> bos_id() const;

  /// The largest id plus one, added tokens included.
  size_t vocab_size() const;

 private:
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

  std::shared_ptr<const Impl> impl_;
};

}  // namespace graft::tokenizer
