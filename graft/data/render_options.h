#pragma once

#include <climits>
#include <optional>

#include "graft/tokenizer/chat_turns.h"

namespace graft::data {

/// What becomes of an example of more than max_seq_length tokens.
enum class Overlong { truncate, drop, split, error };

/// How records become examples.
struct RenderOptions {
  bool add_eos = false;       // end texts and raw pairs with the tokenizer's EOS, unless they do
  int max_seq_length = 2048;  // tokens of an example
  int vocab_size = INT_MAX;   // the model's: a token beyond it is an error
  // What carries loss. Not given: completions of pairs, what assistants say in chats, all of texts.
  std::optional<tokenizer::TrainOn> train_on = {};
  bool raw_pairs = false;  // prompt and completion as they are, without the chat template
  Overlong overlong = Overlong::truncate;
  int overlap = 0;  // tokens that the parts of a split example share; they carry loss once
};

}  // namespace graft::data
