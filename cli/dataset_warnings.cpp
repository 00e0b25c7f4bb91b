#include "cli/dataset_warnings.h"

#include "graft/base/log.h"

namespace graft::cli {

void warn_of_cuts(const data::Dataset& set, int max_seq_length) {
  const int64_t records = std::ssize(set.examples) + set.too_short;
  if (set.truncated > 0) {
    warn("{}: {} of {} examples are longer than --max-seq-length {} and are cut to it",
         set.path.string(), set.truncated, records, max_seq_length);
  }
  if (set.too_short > 0) {
    warn("{}: {} of {} examples have fewer than 2 tokens and are left out", set.path.string(),
         set.too_short, records);
  }
}

}  // namespace graft::cli
