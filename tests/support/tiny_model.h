#pragma once

#include <string>

#include "graft/base/files.h"

namespace graft::testing {

/// Writes a small random llama checkpoint with a byte-level tokenizer: 2 layers, 32 hidden units,
/// 260 words (the bytes, then <s>, </s>, "the", "ing"), f32.
void write_tiny_model(const fs::path& folder, int seed = 1, int hidden = 32);

/// Writes train.jsonl, valid.jsonl and test.jsonl with a few short texts each.
void write_tiny_data(const fs::path& folder);

}  // namespace graft::testing
