#pragma once

#include <string>
#include <vector>

namespace graft::data {

/// The files of one split ("train", "valid" or "test"), chosen by name from a data set's:
/// `<split>.jsonl` if it exists, else the files whose name, or whose folder's, contains the split
/// as a word, as in data sets on the Hub ("data/train-00000-of-00002.parquet", "validation.jsonl",
/// "default/test/0000.parquet"), JSONL before Parquet. Sorted; empty if there are none. Throws
/// Error if they lie in several folders or a shard is missing.
std::vector<std::string> split_files(const std::vector<std::string>& names,
                                     const std::string& split);

}  // namespace graft::data
