#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graft/tokenizer/replacement.h"

namespace graft::tokenizer {

/// How the pieces of tokens become text: steps, one after the other, each of which turns a row of
/// pieces into another. The pieces that come out of the last are put together.
class Decoder {
 public:
  /// Pieces <0xXX> in a row are the bytes of one piece; U+FFFD for each byte of a row that is not
  /// valid UTF-8.
  struct ByteFallback {};
  /// All pieces are one.
  struct Fuse {};
  /// Removes up to so many times `content` at the beginning and at the end of each piece.
  struct Strip {
    std::string content;
    size_t start, stop;
  };
  /// Spaces instead of `replacement`, none for those of the first piece if `drops_first`.
  struct Metaspace {
    std::string replacement;
    bool drops_first;
  };
  /// A space between two pieces.
  struct JoinWithSpaces {};
  using Step = std::variant<ByteFallback, Fuse, Strip, Metaspace, Replacement, JoinWithSpaces>;

  Decoder() = default;
  /// Behind Fuse only Strip may stand.
  explicit Decoder(std::vector<Step> steps) : steps_(std::move(steps)) {}

  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

/// A decoder at work on one row of pieces.
class DecodeState {
 public:
  /// The decoder must live as long.
  explicit DecodeState(const Decoder& decoder);

  /// Appends the text that is certain with this piece.
  void push(std::string_view piece, std::string& text);

  /// Appends the rest. The state is as new afterwards.
  void finish(std::string& text);

 private:
  // A part of a piece: Fuse makes one piece of many parts.
  struct Part {
    std::string_view text;
    bool begins, ends;
  };
  // What a step remembers; each kind uses what it needs.
  struct Memory {
    std::string bytes;      // ByteFallback: of the row so far
    size_t pieces = 0;      // that have begun
    size_t stripped = 0;    // Strip: at the beginning of this piece
    bool at_start = false;  // Strip: nothing but stripped text has come in this piece
    size_t held = 0;        // Strip: times `content` that may be the end of the piece
  };

  void run(size_t step, Part part, std::string& text);
  void apply(size_t step, const Decoder::ByteFallback&, Part part, std::string& text);
  void apply(size_t step, const Decoder::Fuse&, Part part, std::string& text);
  void apply(size_t step, const Decoder::Strip& strip, Part part, std::string& text);
  void apply(size_t step, const Decoder::Metaspace& metaspace, Part part, std::string& text);
  void apply(size_t step, const Replacement& replacement, Part part, std::string& text);
  void apply(size_t step, const Decoder::JoinWithSpaces&, Part part, std::string& text);
  void flush_bytes(size_t step, std::string& text);

  const Decoder* decoder_;
  std::vector<Memory> memory_;  // one for each step
};

}  // namespace graft::tokenizer
