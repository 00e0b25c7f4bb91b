#pragma once

#include <map>
#include <optional>
#include <string>

#include "graft/data/source.h"

namespace graft::data {

/// A part of a split: "train", "train[:80%]", "train[-100:]", as the package `datasets` has them.
struct SplitPart {
  std::string split;
  RowSlice slice = {};

  /// Throws UsageError for what is none.
  static SplitPart parse(const std::string& text);
};

/// A data set as a person names it: a file, a folder or a repository of the Hub, with what else is
/// to be said about it behind it, `name?key=value&key=value:weight`. The keys are `config` (of the
/// Hub's card), `train`, `valid` and `test` (a SplitPart each), and `text`, `prompt`, `completion`
/// and `messages` (RowKeys).
struct DataName {
  std::string text;  // all of it
  std::string name;
  std::string config = {};
  std::map<std::string, SplitPart> splits = {};  // "train", "valid", "test"
  RowKeys keys = {};
  std::optional<double> weight = {};  // beside other data sets

  /// A text that exists as a path is one. Throws UsageError for an unknown key, and for a weight
  /// that is not above 0.
  static DataName parse(const std::string& text);
};

}  // namespace graft::data
