#include "graft/report/run_facts.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/machine.h"
#include "graft/base/threads.h"
#include "graft/io/json.h"
#include "graft/ops/backend.h"

namespace graft::report {
namespace {

constexpr size_t kMostBytesOfFacts = size_t{1} << 20;
constexpr size_t kMostSettings = 1000;
// In the order of RunStatus.
constexpr std::array<std::string_view, 4> kStatusNames = {"running", "finished", "interrupted",
                                                          "stopped"};

RunStatus status_from(const std::string& name) {
  for (size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == name) return static_cast<RunStatus>(i);
  }
  return RunStatus::running;
}

// The elements under a key of an object; none if there is no array.
ordered_json array_at(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : ordered_json::array();
}

ordered_json object_at(const ordered_json& object, const char* key) {
  ordered_json result = ordered_json::object();
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return result;
  for (const auto& [name, value] : found->items()) {
    if (result.size() < kMostSettings) result[name] = value;
  }
  return result;
}

std::string text_of(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : "";
}

std::string text_of(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? "" : text_of(*found);
}

}  // namespace

ordered_json to_json(const RunFacts& facts) {
  ordered_json object = {{"name", facts.name},
                         {"status", kStatusNames[static_cast<size_t>(facts.status)]},
                         {"note", facts.note.empty() ? ordered_json() : ordered_json(facts.note)},
                         {"config", facts.config},
                         {"machine", facts.machine}};
  ordered_json& summary = object["summary"] = ordered_json::array();
  for (const auto& [label, text] : facts.summary) {
    summary.push_back(ordered_json::array({label, text}));
  }
  ordered_json& samples = object["samples"] = ordered_json::array();
  for (const Sample& s : facts.samples) {
    samples.push_back({{"prompt", s.prompt}, {"before", s.before}, {"after", s.after}});
  }
  ordered_json& commands = object["commands"] = ordered_json::array();
  for (const Command& c : facts.commands) {
    commands.push_back({{"what", c.what}, {"command", c.command}});
  }
  return object;
}

void write_facts(const fs::path& path, const RunFacts& facts) {
  // A path or a sample may hold bytes that are no UTF-8.
  const auto replace = ordered_json::error_handler_t::replace;
  write_text(path, to_json(facts).dump(2, ' ', false, replace) + "\n");
}

RunFacts read_facts(const fs::path& path) {
  const ordered_json object =
      io::parse_ordered_json(read_text(path, kMostBytesOfFacts), path.string());
  if (!object.is_object()) fail("{}: it is no JSON object", path.string());
  RunFacts facts;
  facts.name = text_of(object, "name");
  facts.status = status_from(text_of(object, "status"));
  facts.note = text_of(object, "note");
  facts.config = object_at(object, "config");
  facts.machine = object_at(object, "machine");
  for (const ordered_json& pair : array_at(object, "summary")) {
    if (!pair.is_array() || pair.size() != 2) continue;
    facts.summary.emplace_back(text_of(pair[0]), text_of(pair[1]));
  }
  for (const ordered_json& s : array_at(object, "samples")) {
    if (!s.is_object()) continue;
    facts.samples.push_back({text_of(s, "prompt"), text_of(s, "before"), text_of(s, "after")});
  }
  for (const ordered_json& c : array_at(object, "commands")) {
    if (!c.is_object()) continue;
    facts.commands.push_back({text_of(c, "what"), text_of(c, "command")});
  }
  return facts;
}

std::vector<Sample> earlier_samples(const fs::path& path) {
  try {
    if (is_there(path)) return read_facts(path).samples;
  } catch (const Error&) {
  }
  return {};
}

ordered_json setting(float value) {
  if (!std::isfinite(value)) return nullptr;
  return std::stod(fmt::format("{}", value));  // its shortest decimals
}

ordered_json this_machine() {
  std::string kernels = ops::path_in_use();
  if (ops::use_cpu_kernels()) kernels += ", " + ops::cpu_kernels().isa;
  return {{"cpu", processor_name()},
          {"threads", num_threads()},
          {"memory", machine_memory().total},
          {"kernels", kernels},
          {"system", system_name()}};
}

}  // namespace graft::report
