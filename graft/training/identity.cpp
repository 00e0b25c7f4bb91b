#include "graft/training/identity.h"

#include <fmt/format.h>

#include <set>

namespace graft::training {
namespace {

// How long, how often, where, within which memory: the steps are the same.
const std::set<std::string>& free_options() {
  static const std::set<std::string> names = {
      "model",       "data",           "adapter_file",  "iters",         "keep",
      "patience",    "schedule_iters", "max_bad_steps", "save_every",    "steps_per_report",
      "tensorboard", "steps_per_eval", "val_batches",   "sample_prompt", "sample_tokens",
      "threads",     "train",          "memory",        "trunk_cache",   "trunk_cache_max",
      "trunk_memory"};
  return names;
}

std::string text_of(const ordered_json& value) {
  return value.is_null() ? "not given" : value.dump();
}

}  // namespace

std::vector<std::string> differences(const ordered_json& stored, const ordered_json& given) {
  std::vector<std::string> result;
  const auto compare = [&](const std::string& name) {
    const ordered_json before = stored.value(name, ordered_json());
    const ordered_json now = given.value(name, ordered_json());
    if (free_options().count(name) != 0 || before == now) return;
    result.push_back(fmt::format("{} is {}, not {}", name, text_of(now), text_of(before)));
  };
  for (const auto& [name, value] : stored.items()) compare(name);
  for (const auto& [name, value] : given.items()) {
    if (!stored.contains(name)) compare(name);
  }
  return result;
}

}  // namespace graft::training
