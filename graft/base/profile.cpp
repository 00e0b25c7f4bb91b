#include "graft/base/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <mutex>

namespace graft {
namespace {

std::atomic<bool> on{false};
std::mutex mutex;
std::map<std::string, Phase>& sums() {
  static auto* const all = new std::map<std::string, Phase>;
  return *all;
}

}  // namespace

bool profiling() { return on; }

ProfilingSwitch::ProfilingSwitch(bool wanted) : before_(on.exchange(wanted)) {}

ProfilingSwitch::~ProfilingSwitch() { on = before_; }

void add_to_profile(const char* name, double seconds, double operations) {
  std::lock_guard lock(mutex);
  Phase& phase = sums()[name];
  ++phase.calls;
  phase.seconds += seconds;
  phase.operations += operations;
}

std::vector<Phase> take_profile() {
  std::vector<Phase> phases;
  std::lock_guard lock(mutex);
  for (auto& [name, phase] : sums()) {
    phases.push_back(phase);
    phases.back().name = name;
  }
  sums().clear();
  std::stable_sort(phases.begin(), phases.end(),
                   [](const Phase& a, const Phase& b) { return a.seconds > b.seconds; });
  return phases;
}

void add_rest(std::vector<Phase>& phases, const char* name, double seconds) {
  for (const Phase& phase : phases) seconds -= phase.seconds;
  phases.push_back({name, 0, seconds, 0});
}

std::string profile_table(const std::vector<Phase>& phases) {
  size_t width = 5;
  double total = 0;
  for (const Phase& phase : phases) {
    width = std::max(width, phase.name.size());
    total += phase.seconds;
  }
  std::string table;
  const auto to = std::back_inserter(table);
  fmt::format_to(to, "{:{}}  {:>8}  {:>9}  {:>6}  {:>7}\n", "Phase", width, "Calls", "Seconds",
                 "Share", "GFLOPS");
  for (const Phase& p : phases) {
    const double share = total > 0 ? 100 * p.seconds / total : 0;
    fmt::format_to(to, "{:{}}  {:>8}  {:>9.3f}  {:>5.1f}%", p.name, width, p.calls, p.seconds,
                   share);
    if (p.operations > 0) fmt::format_to(to, "  {:>7.1f}", p.operations / p.seconds / 1e9);
    table += '\n';
  }
  fmt::format_to(to, "{:{}}  {:>8}  {:>9.3f}  {:>5.1f}%\n", "total", width, "", total, 100.0);
  return table;
}

}  // namespace graft
