#pragma once

#include <climits>
#include <vector>

#include "graft/data/example.h"
#include "graft/data/record.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::data {

struct RenderOptions {
  bool add_eos = false;       // append the tokenizer's EOS unless it is last already
  int max_seq_length = 2048;  // tokens; longer examples are cut
  int vocab_size = INT_MAX;   // the model's: a token beyond it is an error
};

struct Rendered {
  std::vector<Example> examples;  // of at least 2 tokens each
  int64_t truncated = 0;          // examples cut to max_seq_length
  int64_t too_short = 0;          // records left out: fewer than 2 tokens leave nothing to predict
};

/// Tokenizes records and sets their weights, on all cores. Throws Error if `add_eos` is set but the
/// tokenizer has no EOS, and for a token outside the model's vocabulary, naming `path` and the
/// line.
Rendered render(std::vector<Record> records, const std::string& path,
                const tokenizer::Tokenizer& tokenizer, const RenderOptions& options);

}  // namespace graft::data
