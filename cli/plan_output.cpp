#include "cli/plan_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/flags.h"
#include "graft/base/memory.h"

namespace graft::cli {

fs::path speed_file(const engine::Runtime& runtime) {
  return runtime.hub().notes / "machine_speed.json";
}

fs::path exchange_file(const engine::Runtime& runtime) {
  return runtime.hub().notes / "exchange_speed.json";
}

UsableMemory usable_for(const plan::Plan& plan, const engine::TrunkOptions& trunk) {
  const UsableMemory machine = usable_memory(plan.memory.weights, memory_reserved(".safetensors"));
  if (!trunk.limit || *trunk.limit > machine.bytes) return machine;
  return {*trunk.limit, "--memory gives"};
}

std::string too_large(const plan::Plan& plan, const UsableMemory& usable) {
  return fmt::format("it needs about {}, and {} {}", plan::gigabytes(plan.memory.total()),
                     usable.from, plan::gigabytes(usable.bytes));
}

std::string remedy_lines(const std::vector<engine::Remedy>& remedies) {
  size_t width = 0;
  for (const engine::Remedy& remedy : remedies) {
    width = std::max(width, with_flags(remedy.what).size());
  }
  std::string lines;
  for (const engine::Remedy& remedy : remedies) {
    lines += fmt::format("  {:<{}}  {:>9}{}\n", with_flags(remedy.what), width,
                         plan::gigabytes(remedy.bytes), remedy.fits ? "" : ", still too much");
  }
  return lines;
}

}  // namespace graft::cli
