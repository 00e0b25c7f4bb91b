#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graft/tokenizer/replacement.h"

namespace graft::tokenizer {

/// Turns the pieces of tokens into text. Steps run one after the other, and each turns one row of
/// pieces into another. The pieces that the last step returns are concatenated.
class Decoder {
 public:
  /// Pieces <0xXX> in a row are the bytes of one piece; U+FFFD for each byte of a row that is not
  /// valid UTF-8.
  struct ByteFallback {};
  /// Joins all pieces into one.
  struct Fuse {};
  /// Removes `content` up to `start` times at the beginning and up to `stop` times at the end of
  /// each piece.
  struct Strip {
    std::string content;
    size_t start, stop;
  };
  /// Replaces `replacement` by spaces; drops it in the first piece if `drops_first`.
  struct Metaspace {
    std::string replacement;
    bool drops_first;
  };
  /// A space between two pieces.
  struct JoinWithSpaces {};
  using Step = std::variant<ByteFallback, Fuse, Strip, Metaspace, Replacement, JoinWithSpaces>;

  Decoder() = default;
  /// Only Strip may follow Fuse.
  explicit Decoder(std::vector<Step> steps) : steps_(std::move(steps)) {}

  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
};

/// A decoder at work on one row of pieces.
class DecodeState {
 public:
  /// The decoder must outlive it.
  explicit DecodeState(const Decoder& decoder);

  /// Appends the text that this piece makes certain.
  void push(std::string_view piece, std::string& text);

  /// Appends the rest, and resets the state.
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
    size_t pieces = 0;      // pieces that have begun
    size_t stripped = 0;    // Strip: at the beginning of this piece
    bool at_start = false;  // Strip: nothing but stripped text has come in this piece
    size_t held = 0;        // Strip: copies of `content` that may end the piece
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
