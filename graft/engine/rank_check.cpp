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

void check_same_facts(const ordered_json& facts, const distributed::Group& ranks) {
  if (ranks.is_alone()) return;
  const ordered_json own = {{"host", distributed::host_name()}, {"facts", facts}};
  const std::vector<std::string> all = ranks.gather(own.dump());
  const auto first = ordered_json::parse(all.front());
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const auto other = ordered_json::parse(all[rank]);
    std::vector<std::string> parts;
    for (const std::string& name : differing(first.at("facts"), other.at("facts"))) {
      parts.push_back(fmt::format("`{}` is {}, not {}", name,
                                  other.at("facts").value(name, ordered_json()).dump(),
                                  first.at("facts").value(name, ordered_json()).dump()));
    }
    if (parts.empty()) continue;
    fail("rank {} ({}) was not started with what rank 0 ({}) was: {}", rank,
         other.value("host", std::string()), first.value("host", std::string()),
         fmt::join(parts, "; "));
  }
}

void check_same_training(const training::Identity& identity, const distributed::Group& ranks) {
  ordered_json facts = identity.config;
  for (const char* name : kOfAMachine) facts.erase(name);
  // Of what is read the fingerprints.
  for (const auto& [name, value] : identity.fingerprints.items()) facts[name] = value;
  check_same_facts(facts, ranks);
}

}  // namespace graft::engine
