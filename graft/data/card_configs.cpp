#include "graft/data/card_configs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "graft/base/error.h"
#include "graft/data/glob.h"
#include "graft/data/splits.h"
#include "graft/hub/card_metadata.h"
#include "graft/io/yaml.h"

namespace graft::data {
namespace {

std::string text_of(const io::YamlValue& value) {
  return value.scalar.is_string() ? value.scalar.get<std::string>() : "";
}

const io::YamlValue* member(const io::YamlValue& map, const std::string& key) {
  for (const io::YamlEntry& entry : map.entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

// A pattern or several.
std::vector<std::string> texts_of(const io::YamlValue& value) {
  if (value.kind != io::YamlValue::Kind::list) return {text_of(value)};
  std::vector<std::string> texts;
  for (const io::YamlValue& item : value.items) texts.push_back(text_of(item));
  return texts;
}

void add_patterns(CardConfig& config, const std::string& split, const io::YamlValue& paths) {
  for (const std::string& path : texts_of(paths)) {
    if (!path.empty()) config.patterns[split].push_back(path);
  }
}

// One pattern or more for the training set, or each split's: a map, or a list of {split, path}.
void add_files(CardConfig& config, const io::YamlValue& files) {
  using Kind = io::YamlValue::Kind;
  if (files.kind == Kind::map) {
    for (const io::YamlEntry& entry : files.entries) add_patterns(config, entry.key, entry.value);
    return;
  }
  const bool by_split =
      files.kind == Kind::list && !files.items.empty() && files.items[0].kind == Kind::map;
  if (!by_split) return add_patterns(config, "train", files);
  for (const io::YamlValue& item : files.items) {
    const io::YamlValue *split = member(item, "split"), *path = member(item, "path");
    if (path != nullptr) add_patterns(config, split == nullptr ? "train" : text_of(*split), *path);
  }
}

bool matches(std::string pattern, const std::string& name) {
  const bool through_folders = pattern.find("**") != std::string::npos;
  for (size_t at = 0; (at = pattern.find("**/", at)) != std::string::npos;) {
    pattern.replace(at, 3, "*");
  }
  if (pattern.starts_with("./")) pattern.erase(0, 2);
  return matches_glob(pattern, name,
                      through_folders ? GlobScope::through_folders : GlobScope::within_folders);
}

}  // namespace

std::vector<CardConfig> card_configs(const std::string& card) {
  std::vector<CardConfig> all;
  const std::string yaml = hub::front_matter(card);
  if (yaml.empty()) return all;
  try {
    const io::YamlValue root = io::parse_yaml_map(yaml, "README.md");
    const io::YamlValue* configs = member(root, "configs");
    if (configs == nullptr) return all;
    for (const io::YamlValue& item : configs->items) {
      const io::YamlValue *name = member(item, "config_name"), *files = member(item, "data_files"),
                          *is_default = member(item, "default");
      if (name == nullptr || files == nullptr) continue;
      CardConfig config{.name = text_of(*name),
                        .is_default = is_default != nullptr && is_default->scalar == true};
      add_files(config, *files);
      if (!config.patterns.empty()) all.push_back(std::move(config));
    }
  } catch (const Error&) {
    return {};
  }
  return all;
}

const CardConfig& chosen_config(const std::vector<CardConfig>& configs, const std::string& name) {
  const auto named = [&](const std::string& wanted) {
    return std::find_if(configs.begin(), configs.end(),
                        [&](const CardConfig& config) { return config.name == wanted; });
  };
  auto found = name.empty() ? configs.end() : named(name);
  if (name.empty()) {
    found = std::find_if(configs.begin(), configs.end(),
                         [](const CardConfig& config) { return config.is_default; });
    if (found == configs.end()) found = named("default");
    if (found == configs.end() && configs.size() == 1) found = configs.begin();
  }
  if (found != configs.end()) return *found;
  std::vector<std::string> names;
  for (const CardConfig& config : configs) names.push_back(config.name);
  fail("{}: there are {}: name one, as in owner/name?config={}",
       name.empty() ? "it has several configs" : fmt::format("it has no config {}", name),
       fmt::join(names, ", "), names.front());
}

std::vector<std::string> files_of_config(const CardConfig& config, const std::string& split,
                                         const std::vector<std::string>& names) {
  std::set<std::string> files;
  const bool own = config.patterns.count(split) > 0;
  for (const auto& [its, patterns] : config.patterns) {
    if (own ? its != split : split_named(its) != split) continue;
    for (const std::string& name : names) {
      const bool is_its = std::any_of(patterns.begin(), patterns.end(),
                                      [&](const auto& pattern) { return matches(pattern, name); });
      if (is_its) files.insert(name);
    }
  }
  return {files.begin(), files.end()};
}

}  // namespace graft::data
