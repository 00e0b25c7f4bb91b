#pragma once

#include <string>
#include <vector>

#include "graft/data/example.h"
#include "graft/data/renderer.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::data {

/// What became of a record.
enum class Fate {
  whole,
  truncated,
  split,
  dropped,    // too long
  too_short,  // fewer than 2 tokens: nothing to predict
  untrained,  // no token of it carries loss
};

struct Encoded {
  std::vector<Example> examples = {};  // of at least 2 tokens each; without line and file
  Fate fate = Fate::whole;
  bool has_unwritten_calls = false;  // of tools, by the chat template
};

/// Turns records into examples. Several threads may use it.
class Encoder {
 public:
  /// Throws Error if `add_eos` is set but the tokenizer has no EOS.
  Encoder(tokenizer::Tokenizer tokenizer, ChatForm chat, const RenderOptions& options);

  /// Throws Error, as "where: ...", as Renderer does, for a token outside the model's vocabulary,
  /// and for a record that is too long where that is to be an error.
  Encoded encode(const RecordContent& content, const std::string& where) const;

  /// The tokens of a text, with weights where not all of it is trained, at its full length.
  Example tokens_of(const RenderedText& rendered) const;

  /// What there is to say of a token that the model does not have; empty if it has all of them.
  std::string beyond_vocabulary(const Example& example) const;

  /// All that decides what examples become of a record, as a text: equal for encoders that agree.
  std::string recipe() const;

  const Renderer& renderer() const { return renderer_; }
  const tokenizer::Tokenizer& tokenizer() const { return tokenizer_; }
  const RenderOptions& options() const { return options_; }

 private:
  Encoded fitted(Example example, const std::string& where) const;

  tokenizer::Tokenizer tokenizer_;
  Renderer renderer_;
  RenderOptions options_;
};

}  // namespace graft::data
