#pragma once

#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/check/report.h"
#include "graft/data/encoder.h"
#include "graft/data/source.h"

namespace graft::data::check {

struct CheckOptions {
  const Encoder* encoder = nullptr;  // of the model; none: what needs no tokenizer
  size_t listed = 10;                // problems of each kind that are listed, the first
  size_t shown = 3;                  // records of each source of the first split
};

/// A split and where its rows come from.
struct CheckedSplit {
  std::string name;
  std::vector<Source> sources;
};

/// Reads all records of the splits on all cores, and says what they are and what is wrong with
/// them. What cannot be read is a problem, too, and reading goes on behind it as far as rows can be
/// told apart. In memory stay about 250 bytes for each record, however long it is; hashes of its
/// words are in a temporary file. Shows how far it
/// is. Throws Cancelled, UsageError for options that do not fit the records, and Error if the
/// temporary file for comparisons cannot be written.
Report check(const std::vector<CheckedSplit>& splits, const CheckOptions& options,
             FrontEnd& front_end);

}  // namespace graft::data::check
