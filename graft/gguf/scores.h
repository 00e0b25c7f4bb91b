#pragma once

#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/gguf/tokens.h"
#include "graft/tokenizer/bpe.h"
#include "graft/tokenizer/sentencepiece_model.h"

namespace graft::gguf {

/// Scores with which llama.cpp makes the tokens that a BPE of characters makes by its merges.
/// llama.cpp has no merges for these: of all neighbours that are a token together, those of the
/// highest score become it first. The scores are those of `model`, the tokenizer.model, if it is
/// there and comes to the same, else they follow from the order of the merges. Throws Error, which
/// begins with `name`, if scores cannot say what the merges say.
std::vector<float> scores_of(const tokenizer::Bpe& bpe, const Tokens& tokens,
                             const tokenizer::SentencePieceModel* model, const std::string& name,
                             FrontEnd& front_end);

}  // namespace graft::gguf
