#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/data/example.h"
#include "graft/data/render.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::data {

/// The examples of one split.
struct Dataset {
  fs::path path;  // of its file, or a name for several
  std::vector<Example> examples;
  int64_t truncated = 0;  // examples cut to max_seq_length
  int64_t too_short = 0;  // records left out

  int64_t tokens() const;   // in all examples
  int64_t longest() const;  // tokens of the longest
};

/// 16 hex digits that tell the examples of one set from another's: a hash over their tokens and
/// weights.
std::string fingerprint(const Dataset& set);

/// Whether a folder has files of a split ("train", "valid", "test"), as `split_files` finds them.
bool has_split(const fs::path& folder, const std::string& split);

/// Reads and renders a split: `<folder>/<split>.jsonl` or the files that `split_files` finds.
/// Throws Error as read_records and render do, and if no example is left.
Dataset load_dataset(const fs::path& folder, const std::string& split,
                     const tokenizer::Tokenizer& tokenizer, const RenderOptions& options);

}  // namespace graft::data
