#include "graft/engine/rank_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "graft/base/error.h"
#include "graft/distributed/address.h"

namespace graft::engine {
namespace {

// What may differ between machines: where its files are, and what a machine has.
constexpr const char* kOfAMachine[] = {
    "model",           "data",        "adapter_file",  "resume_adapter_file",
    "threads",         "memory",      "trunk_cache",   "trunk_memory",
    "trunk_cache_max", "tensorboard", "sample_prompt", "sample_tokens"};

ordered_json facts_of(const training::Identity& identity) {
  ordered_json config = identity.config;
  for (const char* name : kOfAMachine) config.erase(name);
  return {{"host", distributed::host_name()},
          {"config", std::move(config)},
          {"fingerprints", identity.fingerprints}};
}

std::vector<std::string> differing(const ordered_json& first, const ordered_json& other) {
  std::vector<std::string> names;
  for (const auto& [name, value] : first.items()) {
    if (other.value(name, ordered_json()) != value) names.push_back(name);
  }
  for (const auto& [name, value] : other.items()) {
    if (!first.contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace

void check_same_training(const training::Identity& identity, const distributed::Group& ranks) {
  if (ranks.is_alone()) return;
  const std::vector<std::string> all = ranks.gather(facts_of(identity).dump());
  const auto first = ordered_json::parse(all.front());
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const auto other = ordered_json::parse(all[rank]);
    std::vector<std::string> parts;
    for (const std::string& name : differing(first.at("fingerprints"), other.at("fingerprints"))) {
      parts.push_back(fmt::format("its {} is another one", name));
    }
    for (const std::string& name : differing(first.at("config"), other.at("config"))) {
      parts.push_back(fmt::format("`{}` is {}, not {}", name,
                                  other.at("config").value(name, ordered_json()).dump(),
                                  first.at("config").value(name, ordered_json()).dump()));
    }
    if (parts.empty()) continue;
    fail("rank {} ({}) was not started with the training of rank 0 ({}): {}", rank,
         other.value("host", std::string()), first.value("host", std::string()),
         fmt::join(parts, "; "));
  }
}

}  // namespace graft::engine
