#pragma once

#include <string>

#include "graft/base/files.h"

namespace graft::testing {

/// Writes a small random llama checkpoint with a byte-level tokenizer: 2 layers, 32 hidden units,
/// `vocab` words (the tokenizer gives 260: the bytes, then <s>, </s>, "th", "the"), f32.
void write_tiny_model(const fs::path& folder, int seed = 1, int hidden = 32, int vocab = 260);

/// Writes train.jsonl, valid.jsonl and test.jsonl with a few short texts each.
void write_tiny_data(const fs::path& folder);

}  // namespace graft::testing
