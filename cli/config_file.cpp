#include "cli/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cli/mlx_lm_settings.h"
#include "cli/option_names.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/data/data_name.h"
#include "graft/io/yaml.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/adapter_path.h"
#include "graft/training/checkpoint.h"

namespace graft::cli {
namespace {

// Dashes are underscores.
std::vector<io::YamlEntry> named_as_options(std::vector<io::YamlEntry> entries,
                                            const std::string& file) {
  std::map<std::string, int> lines;
  for (io::YamlEntry& entry : entries) {
    entry.key = with_underscores(entry.key);
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
    fail_usage("{}:{}: there is no option {}{}", file, entry.line, entry.key,
               did_you_mean(entry.key, names));
  }
}

std::vector<TakenOption> of_yaml(const CLI::App& command, const std::string& file,
                                 FrontEnd& front_end) {
  std::vector<io::YamlEntry> entries = named_as_options(io::read_yaml_map(file).entries, file);
  const bool is_mlx_lms = are_mlx_lm_settings(entries);
  for (auto entry = entries.begin(); entry != entries.end();) {
    if (entry->key != "config") {
      ++entry;
      continue;
    }
    // mlx-lm writes the name of its own file there.
    if (!is_mlx_lms) fail_usage("{}:{}: a configuration names no other", file, entry->line);
    entry = entries.erase(entry);
  }
  check_names(entries, command, file);
  if (is_mlx_lms) {
    const GivenOption given = [&](const std::string& name) -> std::optional<std::string> {
      const CLI::Option* option = command.get_option_no_throw(flag_named(name));
      if (option == nullptr || option->count() == 0) return {};
      return option->as<std::string>();
    };
    return from_mlx_lm(entries, file, given, front_end);
  }
  std::vector<TakenOption> options;
  for (const io::YamlEntry& entry : entries) {
    options.push_back({entry.key, entry.value.written(), fmt::format("{}:{}", file, entry.line)});
  }
  return options;
}

// What an adapter may say of its training. It may be a stranger's: nothing that names a file to
// read or to write is among it.
const std::set<std::string>& settings_of_adapters() {
  static const std::set<std::string> names = {"activations",
                                              "adafactor_decay_rate",
                                              "adafactor_warmup_init",
                                              "adam_bits",
                                              "add_eos_token",
                                              "batch_size",
                                              "batch_tokens",
                                              "beta1",
                                              "beta2",
                                              "bias_correction",
                                              "clip_threshold",
                                              "completion_key",
                                              "dampening",
                                              "data",
                                              "decay_rate",
                                              "decay_share",
                                              "eps",
                                              "fine_tune_type",
                                              "grad_accumulation",
                                              "grad_checkpoint",
                                              "grad_clip",
                                              "group_by_length",
                                              "init",
                                              "iters",
                                              "learning_rate",
                                              "lora_config",
                                              "lora_dropout",
                                              "lora_keys",
                                              "lora_layers",
                                              "lora_plus_ratio",
                                              "lora_rank",
                                              "lora_scale",
                                              "max_seq_length",
                                              "messages_key",
                                              "min_lr",
                                              "model",
                                              "momentum",
                                              "nesterov",
                                              "ns_steps",
                                              "optimizer",
                                              "overlap",
                                              "overlong",
                                              "pack",
                                              "prompt_key",
                                              "raw_pairs",
                                              "relative_step",
                                              "rslora",
                                              "scale_eps",
                                              "scale_parameter",
                                              "schedule",
                                              "schedule_arguments",
                                              "schedule_iters",
                                              "seed",
                                              "step_size",
                                              "steps_per_eval",
                                              "steps_per_report",
                                              "text_key",
                                              "threads",
                                              "train_extra",
                                              "train",
                                              "train_on",
                                              "trunk_bits",
                                              "val_batches",
                                              "valid_split",
                                              "warmup",
                                              "warmup_init",
                                              "weight_decay",
                                              "wire_type"};
  return names;
}

bool names_a_path(const ordered_json& value) {
  if (value.is_array()) return std::any_of(value.begin(), value.end(), names_a_path);
  return value.is_string() && is_there(data::DataName::parse(value.get<std::string>()).name);
}

std::vector<TakenOption> of_adapter(const CLI::App& command, const std::string& file,
                                    FrontEnd& front_end) {
  const lora::AdapterFile adapter = lora::read_adapter_file(file);
  if (adapter.config.empty()) {
    fail("{} does not hold the configuration of its training", file);
  }
  if (adapter.config.contains("began_with_an_adapter") &&
      command.get_option("--resume-adapter-file")->count() == 0) {
    fail_usage("{} was trained on from another adapter: give that as --resume-adapter-file", file);
  }
  ordered_json settings = ordered_json::object();
  bool others = false;
  for (const auto& [name, value] : adapter.config.items()) {
    const bool is_name = name == "model" || name == "data";
    // A training records no folder of its machine.
    const bool is_text = value.is_string() && value.get<std::string>().starts_with('{');
    const bool is_file = (is_name && names_a_path(value)) || (name == "lora_config" && !is_text);
    if (settings_of_adapters().count(name) != 0 && !is_file) {
      settings[name] = value;
    } else if (name != "began_with_an_adapter") {
      others = true;
    }
  }
  if (others) front_end.warn("{} holds settings that no training of graft records: left out", file);
  return taken_from(settings, file);
}

// Of an adapter's folder these say more of its training: all options, as they were given.
bool holds_checkpoints(const fs::path& folder) {
  if (is_there(folder / "checkpoint.json")) return true;
  if (!is_folder(folder)) return false;
  const std::vector<fs::path> entries = entries_of(folder);
  return std::any_of(entries.begin(), entries.end(),
                     [](const fs::path& path) { return path.extension() == ".checkpoints"; });
}

std::vector<TakenOption> of_config(const CLI::App& command, const std::string& path,
                                   FrontEnd& front_end) {
  const bool is_adapter = lora::is_adapter_path(path) && !holds_checkpoints(path);
  if (is_adapter) return of_adapter(command, path, front_end);
  if (!is_folder(path)) return of_yaml(command, path, front_end);
  return taken_from(training::Checkpoints::find(path, front_end).identity.config, path);
}

}  // namespace

void take_config(CLI::App& command, const std::string& path, FrontEnd& front_end) {
  take_options(command, of_config(command, path, front_end));
}

}  // namespace graft::cli
