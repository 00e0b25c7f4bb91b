#include "cli/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/mlx_lm_settings.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/nearest.h"
#include "graft/io/yaml.h"
#include "graft/lora/adapter_file.h"
#include "graft/training/checkpoint.h"

namespace graft::cli {
namespace {

// Dashes are underscores.
std::vector<io::YamlEntry> named_as_options(std::vector<io::YamlEntry> entries,
                                            const std::string& file) {
  std::map<std::string, int> lines;
  for (io::YamlEntry& entry : entries) {
    std::replace(entry.key.begin(), entry.key.end(), '-', '_');
    const auto [other, is_new] = lines.insert({entry.key, entry.line});
    if (!is_new) {
      fail_usage("{}:{}: {} stands in line {}, too", file, entry.line, entry.key, other->second);
    }
  }
  return entries;
}

void check_names(const std::vector<io::YamlEntry>& entries, const CLI::App& command,
                 const std::string& file) {
  std::vector<std::string> names = option_names(command);
  for (const std::string& name : mlx_lm_setting_names()) names.push_back(name);
  for (const io::YamlEntry& entry : entries) {
    if (std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
    const std::string near = nearest(entry.key, names);
    fail_usage("{}:{}: there is no option {}{}", file, entry.line, entry.key,
               near.empty() ? "" : "; did you mean " + near + "?");
  }
}

std::vector<TakenOption> of_yaml(const CLI::App& command, const std::string& file,
                                 FrontEnd& front_end) {
  std::vector<io::YamlEntry> entries = named_as_options(io::read_yaml_map(file).entries, file);
  // mlx-lm writes the name of its own file there.
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [](const io::YamlEntry& entry) { return entry.key == "config"; }),
                entries.end());
  check_names(entries, command, file);
  if (are_mlx_lm_settings(entries)) {
    const GivenOption given = [&](const std::string& name) -> std::optional<std::string> {
      std::string flag = "--" + name;
      std::replace(flag.begin(), flag.end(), '_', '-');
      const CLI::Option* option = command.get_option_no_throw(flag);
      if (option == nullptr || option->count() == 0) return {};
      return option->as<std::string>();
    };
    return from_mlx_lm(entries, file, given, front_end);
  }
  std::vector<TakenOption> options;
  for (const io::YamlEntry& entry : entries) {
    options.push_back({entry.key, entry.value.json(), fmt::format("{}:{}", file, entry.line)});
  }
  return options;
}

std::vector<TakenOption> of_adapter(const std::string& file) {
  const lora::AdapterFile adapter = lora::read_adapter_file(file);
  if (adapter.config.empty()) {
    fail("{} does not hold the configuration of its training", file);
  }
  return taken_from(adapter.config, file);
}

std::vector<TakenOption> of_config(const CLI::App& command, const std::string& path,
                                   FrontEnd& front_end) {
  if (path.ends_with(".npz") || path.ends_with(".safetensors")) return of_adapter(path);
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return of_yaml(command, path, front_end);
  return taken_from(training::Checkpoints::find(path, front_end).identity.config, path);
}

}  // namespace

void take_config(CLI::App& command, const std::string& path, FrontEnd& front_end) {
  take_options(command, of_config(command, path, front_end));
}

}  // namespace graft::cli
