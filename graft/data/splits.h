#pragma once

#include <string>
#include <vector>

namespace graft::data {

/// The files of one split ("train", "valid" or "test") among a data set's, by their names:
/// `<split>.jsonl` where there is one, else those whose name, or whose folder's, has the split as a
/// word as data sets of the Hub have it ("data/train-00000-of-00002.parquet", "validation.jsonl",
/// "default/test/0000.parquet"), JSONL before Parquet. Sorted; empty where there are none. Throws
/// Error where they lie in several folders, and for a shard that is missing.
std::vector<std::string> split_files(const std::vector<std::string>& names,
                                     const std::string& split);

}  // namespace graft::data
