#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace graft {

/// A phase of a run: how often it came, and what it took.
struct Phase {
  std::string name;
  int64_t calls = 0;
  double seconds = 0;
  double operations = 0;  ///< floating-point operations; 0: not counted
};

/// Whether time is summed by phase, for the whole program.
bool profiling();

/// Switches profiling on or off while it lives. Profiling is off by default.
class ProfilingSwitch {
 public:
  explicit ProfilingSwitch(bool on);
  ~ProfilingSwitch();
  ProfilingSwitch(const ProfilingSwitch&) = delete;
  ProfilingSwitch& operator=(const ProfilingSwitch&) = delete;

 private:
  bool before_;
};

/// Adds a call to a phase; from any thread.
void add_to_profile(const char* name, double seconds, double operations = 0);

/// The phases recorded since the last call, the longest first; clears the record.
std::vector<Phase> take_profile();

/// Adds a phase `name` for the part of `seconds` that `phases` do not account for.
void add_rest(std::vector<Phase>& phases, const char* name, double seconds);

/// Adds its own lifetime and `operations` to a phase, if profiling is on when it begins.
class PhaseTimer {
 public:
  explicit PhaseTimer(const char* name, double operations = 0)
      : name_(profiling() ? name : nullptr), operations_(operations) {
    if (name_ != nullptr) start_ = Clock::now();
  }
  ~PhaseTimer() {
    if (name_ == nullptr) return;
    const std::chrono::duration<double> seconds = Clock::now() - start_;
    add_to_profile(name_, seconds.count(), operations_);
  }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  const char* name_;
  double operations_;
  Clock::time_point start_;
};

/// A table of phases: each with its share of the total time and, if counted, its GFLOPS.
std::string profile_table(const std::vector<Phase>& phases);

}  // namespace graft
