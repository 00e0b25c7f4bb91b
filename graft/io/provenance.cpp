#include "graft/io/provenance.h"

#include <algorithm>

#include "graft/base/atomic_file.h"

namespace graft::io {
namespace {

constexpr size_t kMostItems = 100;
constexpr size_t kMostBytes = 2000;  // of a text

// One line, not too long.
std::string line_at(const json& object, const char* key) {
  std::string text = text_at(object, key);
  const bool plain =
      text.size() <= kMostBytes &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 32 && c != 127; });
  return plain ? text : "";
}

// The last elements of an array, which are the newest; none of anything else.
std::vector<json> items_at(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return {};
  const auto count = static_cast<std::ptrdiff_t>(std::min(found->size(), kMostItems));
  return {found->end() - count, found->end()};
}

HistoryEntry step_from(const json& value) {
  HistoryEntry step{line_at(value, "command"), line_at(value, "graft_version")};
  const auto finetunes = value.find("finetunes");
  step.finetunes = finetunes != value.end() && *finetunes == true;
  // Files of earlier versions have the command alone.
  if (step.command.starts_with("graft fuse")) step.finetunes = true;
  for (const json& fact : items_at(value, "facts")) {
    if (!fact.is_object()) continue;
    step.facts.emplace_back(line_at(fact, "name"), line_at(fact, "value"));
  }
  return step;
}

}  // namespace

std::string name_in_command(const std::optional<Origin>& origin) {
  return origin ? origin->repository : "MODEL";
}

void Provenance::add(const Provenance& other) {
  if (!origin) origin = other.origin;
  for (const std::string& dataset : other.datasets) {
    if (std::find(datasets.begin(), datasets.end(), dataset) == datasets.end()) {
      datasets.push_back(dataset);
    }
  }
  steps.insert(steps.end(), other.steps.begin(), other.steps.end());
}

bool Provenance::is_finetuned() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const HistoryEntry& step) { return step.finetunes; });
}

json Provenance::to_json() const {
  json value = json::object();
  if (origin) {
    value["base_model"] = origin->repository;
    if (!origin->commit.empty()) value["base_commit"] = origin->commit;
  }
  if (!datasets.empty()) value["datasets"] = datasets;
  value["steps"] = json::array();
  for (const HistoryEntry& step : steps) {
    json facts = json::array();
    for (const auto& [name, text] : step.facts) facts.push_back({{"name", name}, {"value", text}});
    json entry = {{"command", step.command}, {"graft_version", step.version}, {"facts", facts}};
    if (step.finetunes) entry["finetunes"] = true;
    value["steps"].push_back(std::move(entry));
  }
  return value;
}

Provenance Provenance::from_json(const json& value) {
  Provenance provenance;
  if (!value.is_object()) return provenance;
  if (const std::string repository = line_at(value, "base_model"); !repository.empty()) {
    provenance.origin = {repository, line_at(value, "base_commit")};
  }
  for (const json& name : items_at(value, "datasets")) {
    const std::string text = line_at({{"name", name}}, "name");
    if (!text.empty()) provenance.datasets.push_back(text);
  }
  for (const json& step : items_at(value, "steps")) {
    if (step.is_object()) provenance.steps.push_back(step_from(step));
  }
  return provenance;
}

Provenance Provenance::read(const fs::path& folder) {
  const fs::path path = folder / kProvenanceFile;
  return is_there(path) ? from_json(read_json_object(path)) : Provenance{};
}

void Provenance::write(const fs::path& folder, const std::vector<std::string>& files) const {
  json value = to_json();
  value["files"] = files;
  write_text(folder / kProvenanceFile, python_json(ordered_json(value)));
}

std::vector<std::string> recorded_files(const fs::path& folder) {
  const fs::path path = folder / kProvenanceFile;
  if (!is_there(path)) return {};
  const json value = read_json_object(path);
  const auto found = value.find("files");
  if (found == value.end() || !found->is_array()) return {};
  std::vector<std::string> files;
  for (const json& name : *found) {
    if (name.is_string()) files.push_back(name.get<std::string>());
  }
  return files;
}

}  // namespace graft::io
