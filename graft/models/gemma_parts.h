#pragma once

#include <functional>
#include <string>

#include "graft/models/family.h"

// What the three Gemmas share.
namespace graft::models {

/// Attention; heads are 256 wide unless the config says otherwise. From now on a stored weight w of
/// a norm stands for 1 + w.
AttentionConfig gemma_attention(Family& family);
/// A gate with the activation that the config has under `key`.
MlpConfig gemma_mlp(const Family& family, const char* key);
/// Scores times `query_pre_attn_scalar`^-0.5, in place of C^-0.5: Gemma 2 and 3.
void gemma_scale(const Family& family, AttentionConfig& attention);
/// A soft cap, 0 if the config has null.
float gemma_cap(const Family& family, const char* key);
/// A block with norms before and after both of its parts: Gemma 2 and 3.
Block gemma_sandwich(Family& family, const std::string& at, const AttentionConfig& attention,
                     const MlpConfig& mlp);
/// The decoder with its embeddings scaled.
DecoderParts gemma_parts(Family& family,
                         const std::function<Block(const std::string& at, int index)>& block);

}  // namespace graft::models
