#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace graft::evaluation {

struct ChildLimits {
  double seconds = 60;                     // without a byte in or out
  size_t output = size_t{64} << 20;        // bytes
  std::function<bool()> interrupted = {};  // asked ten times a second
};

/// Runs a program with `input` as its standard input and returns its standard output; its standard
/// error is ours. Both pipes are served at once, so neither side waits for the other. A program
/// that stops reading is not written to. Throws Error if it cannot be started, ends by a signal or
/// with another code than 0, or goes beyond the limits: then it is killed, with what it started.
/// When `interrupted` says so, it is killed, and the output so far comes back.
std::string run_child(const std::string& program, std::string_view input,
                      const ChildLimits& limits);

}  // namespace graft::evaluation
