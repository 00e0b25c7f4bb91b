#pragma once

#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/dataset.h"
#include "graft/data/source.h"

namespace graft::data {

/// Reads the rows of a split's sources, renders and tokenizes them, on all cores. `name` is the
/// split's in messages. Shows how far it is, if that takes long. Throws Error as the readers, the
/// formats and Encoder do, for the first row that is wrong, and if no example is left; Cancelled.
Dataset load(const std::vector<Source>& sources, const std::string& name, const Encoder& encoder,
             FrontEnd& front_end);

}  // namespace graft::data
