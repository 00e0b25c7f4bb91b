#pragma once

#include <functional>
#include <string>

#include "graft/distributed/group.h"
#include "graft/engine/runtime.h"

namespace graft::cli {

/// Runs `action`, which returns the program's exit code, with the processes that the environment
/// says train together (distributed::place_of), or with this one alone. Others than the first say
/// nothing but what is wrong; without a number of threads, those of a host share its processors. If
/// `action` throws, the others are told why. Throws as distributed::Session does.
int with_ranks(const engine::Runtime& runtime,
               const std::function<int(const distributed::Group&)>& action);

/// What connects them: "ring".
std::string backend_in_use();

/// Whether this process has joined others: after an error it has to end without a word to MLX's
/// engines, which would wait for the others.
bool has_joined();

}  // namespace graft::cli
