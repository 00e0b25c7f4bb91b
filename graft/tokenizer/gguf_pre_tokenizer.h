#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/bpe.h"
#include "graft/tokenizer/pre_tokenizer.h"

namespace graft::tokenizer {

/// What a name of llama.cpp's for a byte-level pre-tokenizer (`tokenizer.ggml.pre`) stands for
/// (llm_tokenizer_bpe and load() in its src/llama-vocab.cpp). Several names stand for the same.
struct GgufPreTokenizer {
  std::string_view name;
  /// Regular expressions, as tokenizer.json files spell them: each cuts the words of those before
  /// it at its matches.
  std::vector<std::string_view> patterns;
  bool ignore_merges = false;  ///< a word that is a token is that token
  bool adds_bos = false;       ///< a text begins with BOS unless the file says otherwise
  /// The models of this name normalize to NFC, which llama.cpp leaves out.
  bool nfc = false;
  /// llama.cpp's expression tells the case of letters only from A to Z.
  bool is_rough = false;
};

/// All that are known; of several that stand for the same, the first is the most general.
std::span<const GgufPreTokenizer> gguf_pre_tokenizers();

/// The expressions that a pre-tokenizer comes down to, spelled as above; none if it does anything
/// other than cutting at the matches of expressions.
std::optional<std::vector<std::string>> split_patterns(const PreTokenizer& pre_tokenizer);

/// Whether the merges turn the bytes of each token into that token: `ignore_merges` is of no matter
/// then.
bool merges_make_every_token(const Bpe& bpe);

}  // namespace graft::tokenizer
