#pragma once

#include <optional>
#include <string>
#include <vector>

namespace graft::data {

/// "train", "valid" or "test", where a word is one of a split's names, as "validation" is.
std::optional<std::string> split_named(const std::string& word);

/// The files of one split ("train", "valid" or "test"), chosen by name from a data set's:
/// `<split>.jsonl` if it exists, else the files whose name, or whose folder's, contains the split
/// as a word, as in data sets on the Hub ("data/train-00000-of-00002.parquet", "validation.jsonl",
/// "default/test/0000.parquet"), JSONL before other JSON, Parquet and tables, each also with .gz or
/// .zst behind it. A split of another name is in the files that are called so, or begin with it and
/// "-". Sorted; empty if there are none. Throws Error if they lie in several folders, a
/// shard is missing or one comes twice, or they are shards of several series.
std::vector<std::string> split_files(const std::vector<std::string>& names,
                                     const std::string& split);

}  // namespace graft::data
