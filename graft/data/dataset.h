#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/data/encoder.h"
#include "graft/data/examples.h"

namespace graft::data {

/// A source's examples [begin, end), and how large a part of an epoch they are beside others'.
struct SourceShare {
  size_t begin, end;
  double weight;
};

/// What became of the records of a data set.
struct RecordCounts {
  int64_t records = 0;
  int64_t truncated = 0, split = 0, dropped = 0;   // too long
  int64_t too_short = 0;                           // left out: fewer than 2 tokens
  int64_t untrained = 0;                           // left out: no token of them carries loss
  std::vector<std::string> untrained_places = {};  // "file:line" of the first ones
  int64_t unwritten_calls = 0;                     // of tools, by the chat template
  std::string unwritten_place = {};                // of the first one

  void add(const Encoded& encoded, const std::string& place);
};

/// The examples of one split.
struct Dataset {
  std::string name;                     // of its file, or for several
  std::vector<std::string> files = {};  // by ExampleView::file, as messages name them
  Examples examples = {};
  std::vector<SourceShare> shares = {};  // of several sources; none: every example once an epoch
  RecordCounts counts = {};
  std::string described = {};  // its format and what of it is trained, in words

  /// The file of an example, as messages name it, and "file:line".
  std::string file_of(size_t example) const;
  std::string place_of(size_t example) const;
};

/// 16 hex digits that tell the examples of one set from another's: a hash over their tokens and
/// weights, and how its sources are mixed.
std::string fingerprint(const Dataset& set);

}  // namespace graft::data
