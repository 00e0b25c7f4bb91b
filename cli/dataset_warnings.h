#pragma once

#include "graft/data/dataset.h"

namespace graft::cli {

/// Says aloud what of a data set was cut to `max_seq_length` tokens, or left out.
void warn_of_cuts(const data::Dataset& set, int max_seq_length);

}  // namespace graft::cli
