#pragma once

#include <climits>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/files.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::data {

struct DatasetOptions {
  bool add_eos = false;       // append the tokenizer's EOS where it is not last already
  int max_seq_length = 2048;  // tokens; what is beyond is cut off
  int vocab_size = INT_MAX;   // the model's: a token beyond it is an error
};

/// The examples of one split as token ids, each of at least 2 tokens (one to predict).
struct Dataset {
  fs::path path;  // of its file, or a name for several
  std::vector<std::vector<int32_t>> examples;
  std::vector<int64_t> lines;  // the line (row, over all files) that each came from, from 1
  int64_t truncated = 0;       // examples cut to max_seq_length
  int64_t too_short = 0;       // lines left out: fewer than 2 tokens leave nothing to predict

  int64_t tokens() const;   // in all examples
  int64_t longest() const;  // tokens of the longest
};

/// The `text` of every line of a JSONL file; blank lines are skipped, other keys ignored. Throws
/// Error naming file and line for a line that is no JSON object, has no `text`, or one that is not
/// a string of valid UTF-8, and for a file without examples.
std::vector<std::pair<int64_t, std::string>> read_jsonl_texts(const fs::path& path);

/// Whether a folder has files of a split ("train", "valid", "test"), as `split_files` finds them.
bool has_split(const fs::path& folder, const std::string& split);

/// Reads and encodes a split, on all cores, once: `<folder>/<split>.jsonl` or what `split_files`
/// finds, JSONL or Parquet. Throws Error as read_jsonl_texts and read_parquet_texts, and for a
/// token that the model has no word for, naming file and line.
Dataset load_dataset(const fs::path& folder, const std::string& split, const Tokenizer& tokenizer,
                     const DatasetOptions& options);

}  // namespace graft::data
