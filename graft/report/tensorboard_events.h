#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The bytes of TensorBoard's event files: records (tensorflow/core/lib/io/record_writer.h) that
// hold protocol buffers (tensorflow/core/util/event.proto,
// tensorflow/core/framework/summary.proto).
namespace graft::report {

/// Length, its checksum, data, its checksum.
std::string framed(std::string_view data);

/// The first event of a file.
std::string version_event(double wall_time);

/// From here on, earlier events of this step and later ones do not count: the training began, or
/// was resumed.
std::string start_event(double wall_time, int64_t step);

using Scalar = std::pair<std::string_view, double>;  // a tag and its value

/// Values of one step; `wall_time` in seconds since 1970.
std::string scalars_event(double wall_time, int64_t step, const std::vector<Scalar>& scalars);

}  // namespace graft::report
