#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graft/generation/sampler.h"
#include "graft/generation/stop_filter.h"
#include "graft/tokenizer/stream_decoder.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::generation {

/// Why a text ends.
enum class GenerateEnd { length, eos, stop_text, interrupted };

/// Receives a text as it is generated, in complete UTF-8 characters.
using Write = std::function<void(std::string_view)>;

/// When a text ends.
struct Ends {
  int max_tokens = 100;
  std::set<int32_t> eos_ids = {};      // at any of them
  std::vector<std::string> stop = {};  // and before any of these texts
};

/// A text that is being generated: picks token after token until one of its ends is reached.
class Continuation {
 public:
  Continuation(const tokenizer::Tokenizer& tokenizer, Ends ends, const SamplerOptions& sampler,
               Write write);

  /// Picks the next token from logits [V], which may be changed; `history` is the text so far,
  /// prompt included. Returns whether the text goes on, after `tokens().back()`. Throws Error as
  /// Sampler::pick does.
  bool take(std::span<float> logits, std::span<const int32_t> history);

  /// Ends a text that could have gone on.
  void interrupt() { end_ = GenerateEnd::interrupted; }

  /// Writes what was held back. Call this once, at the end.
  void finish();

  const std::vector<int32_t>& tokens() const { return tokens_; }  ///< without the EOS
  int steps() const { return steps_; }  ///< tokens picked, the EOS included
  GenerateEnd end() const { return end_; }

 private:
  void say(const std::string& text) const {
    if (write_) write_(text);
  }

  Ends ends_;
  Sampler sampler_;
  StopFilter filter_;
  tokenizer::StreamDecoder decoder_;
  Write write_;
  std::vector<int32_t> tokens_;
  int steps_ = 0;
  GenerateEnd end_ = GenerateEnd::length;
};

}  // namespace graft::generation
