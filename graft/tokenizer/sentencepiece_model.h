#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// What a SentencePiece model (`tokenizer.model`, a ModelProto) says that matters for encoding and
/// decoding. The values of the enumerations are those of sentencepiece_model.proto.
struct SentencePieceModel {
  enum class Kind : int32_t { unigram = 1, bpe = 2, word = 3, character = 4 };
  enum class Type : int32_t {
    normal = 1,
    unknown = 2,       ///< stands for text that has no piece
    control = 3,       ///< never made from text
    user_defined = 4,  ///< always one piece, wherever it stands in a text
    unused = 5,
    byte = 6  ///< <0xXX>
  };

  struct Piece {
    std::string text{};
    float score = 0;
    Type type = Type::normal;
  };

  std::vector<Piece> pieces{};  ///< by id

  Kind kind = Kind::unigram;
  /// A character without a piece becomes the pieces <0xXX> of its bytes.
  bool byte_fallback = false;
  bool treat_whitespace_as_suffix = false;
  /// The ids of the special pieces, as far as the model has them.
  std::optional<int32_t> unk_id{}, bos_id{}, eos_id{}, pad_id{};

  std::string normalizer_name{};
  /// SentencePiece's compiled table of character replacements; empty if there are none.
  std::string precompiled_charsmap{};
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

/// Reads a ModelProto. Throws Error, which begins with `name`, if it is broken: cut off, without
/// pieces, with a piece that is empty, not valid UTF-8 or of a score that is no number, without
/// exactly one unknown piece.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& name);

/// Whether a file begins as SentencePiece models do: with a piece. Looks at no more than that.
bool looks_like_sentencepiece(std::string_view bytes);

}  // namespace graft::tokenizer
