#pragma once

#include <string>

#include "graft/training/learning_rate_search.h"

namespace graft::cli {

/// The smoothed loss by the learning rate, in ASCII, with a line break after each line; at most
/// `columns` wide. What is far above the first loss stands at the upper end.
std::string learning_rate_plot(const training::LearningRateSearch& search, int columns);

}  // namespace graft::cli
