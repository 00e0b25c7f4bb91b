#pragma once

#include <cstdint>
#include <functional>

namespace graft::training {

/// The learning rate of a step, by the number of steps before it.
using Schedule = std::function<float(int64_t step)>;

Schedule constant_schedule(float rate);

}  // namespace graft::training
