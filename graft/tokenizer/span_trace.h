#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/span.h"
#include "graft/tokenizer/model.h"
#include "graft/tokenizer/normalizer.h"
#include "graft/tokenizer/origins.h"
#include "graft/tokenizer/post_processor.h"
#include "graft/tokenizer/pre_tokenizer.h"

namespace graft::tokenizer {

/// Where the tokens of a text come from, found while it is encoded: a text is cut into plain
/// pieces, each of which is normalized and cut into stretches, whose words are encoded. Reused from
/// call to call.
class SpanTrace {
 public:
  /// A new text, of valid UTF-8, with tokens before it. `post` and what is viewed must live until
  /// the text is done.
  void begin_text(std::string_view text, const PostProcessor& post, size_t tokens_before);
  /// Tokens after the text.
  void end_text(size_t tokens_after) { spans_.resize(spans_.size() + tokens_after); }

  /// An added token in the text itself.
  void add_token(Span span);

  /// The next plain piece of the text.
  void begin_piece(Span piece);
  /// The piece as a normalizer changes it, and its origins in the piece if `origins` is not null.
  /// Throws Error if a byte has none.
  std::string normalize(const Normalizer& normalizer, std::string_view piece, Origins* origins);
  /// An added token in the normalized piece, `text`.
  void add_normalized_token(std::string_view text, Span span);

  /// The words of a stretch of the piece that begins at `begin`.
  void split(const PreTokenizer& pre_tokenizer, std::string_view stretch, size_t begin,
             size_t beginning, PreTokenizer::Words& words);
  /// Appends the tokens of the words.
  void encode(const Model& model, const PreTokenizer::Words& words, Model::Workspace& workspace,
              std::vector<int32_t>& ids);

  const std::vector<Span>& spans() const { return spans_; }
  size_t capacity() const { return spans_.capacity() + normal_.capacity() + words_.capacity(); }

 private:
  // Where a byte of the normalized piece comes from in the text.
  size_t origin(size_t at) const { return piece_.begin + (normal_.empty() ? at : normal_[at]); }
  Span whole_characters(size_t first, size_t last) const;
  void add_trimmed(std::string_view text, Span span);
  Span trimmed(size_t i, Span span, size_t leading, size_t trailing) const;

  std::string_view text_;
  const PostProcessor* post_ = nullptr;
  std::vector<Span> spans_;
  size_t first_of_text_ = 0;  // the token
  Span piece_;
  size_t stretch_ = 0;  // where it begins in the normalized piece
  Origins normal_;      // of the normalized piece in the piece; empty: it is not changed
  Origins words_;       // of the words' text in the stretch; empty: it is not changed
};

}  // namespace graft::tokenizer
