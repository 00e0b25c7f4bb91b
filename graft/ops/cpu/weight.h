#pragma once

#include <vector>

#include "graft/kernels/linear.h"
#include "graft/ops/cpu/primitive.h"
#include "graft/ops/weight.h"

namespace graft::ops::cpu {

/// The shape and format of a weight, without its data.
kernels::LinearWeight describe(const Weight& weight);

/// The same with the data of the node's inputs [at, at + weight.arrays().size()).
kernels::LinearWeight bind(kernels::LinearWeight weight, const std::vector<Input>& inputs, int at);

}  // namespace graft::ops::cpu
