#include "cli/mlx_lm_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <limits>
#include <map>
#include <set>

#include "graft/base/error.h"
#include "graft/base/nearest.h"

namespace graft::cli {
namespace {

using Kind = io::YamlValue::Kind;

// Those that count batches, with mlx-lm's defaults.
const std::map<std::string, int64_t>& counts_of_batches() {
  static const std::map<std::string, int64_t> all = {
      {"iters", 1000}, {"steps_per_report", 10}, {"steps_per_eval", 200}, {"save_every", 100}};
  return all;
}

// A key of a data set's rows.
struct Feature {
  std::string usual, option, in_name;  // by default; as an option; in the name of a data set
};

const std::map<std::string, Feature>& features() {
  static const std::map<std::string, Feature> all = {
      {"text_feature", {"text", "text_key", "text"}},
      {"prompt_feature", {"prompt", "prompt_key", "prompt"}},
      {"completion_feature", {"completion", "completion_key", "completion"}},
      {"chat_feature", {"messages", "messages_key", "messages"}}};
  return all;
}

// An optimizer's options, as graft names them; a list of names takes a list's elements.
using Names = std::map<std::string, std::vector<std::string>>;

const std::map<std::string, Names>& optimizer_options() {
  static const Names adam = {
      {"betas", {"beta1", "beta2"}}, {"eps", {"eps"}}, {"bias_correction", {"bias_correction"}}};
  static const std::map<std::string, Names> all = [] {
    Names adamw = adam;
    adamw["weight_decay"] = {"weight_decay"};
    return std::map<std::string, Names>{{"adam", adam},
                                        {"adamw", adamw},
                                        {"sgd",
                                         {{"momentum", {"momentum"}},
                                          {"weight_decay", {"weight_decay"}},
                                          {"dampening", {"dampening"}},
                                          {"nesterov", {"nesterov"}}}},
                                        {"muon",
                                         {{"momentum", {"momentum"}},
                                          {"weight_decay", {"weight_decay"}},
                                          {"nesterov", {"nesterov"}},
                                          {"ns_steps", {"ns_steps"}}}},
                                        {"adafactor",
                                         {{"eps", {"eps", "scale_eps"}},
                                          {"clip_threshold", {"clip_threshold"}},
                                          {"decay_rate", {"adafactor_decay_rate"}},
                                          {"beta_1", {"beta1"}},
                                          {"weight_decay", {"weight_decay"}},
                                          {"scale_parameter", {"scale_parameter"}},
                                          {"relative_step", {"relative_step"}},
                                          {"warmup_init", {"adafactor_warmup_init"}}}}};
  }();
  return all;
}

template <class Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::optional<int64_t> whole_number(const ordered_json& value) {
  if (!value.is_number_integer()) return {};
  const bool fits = !value.is_number_unsigned() ||
                    value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
  return fits ? std::optional(value.get<int64_t>()) : std::nullopt;
}

class Translation {
 public:
  Translation(const std::vector<io::YamlEntry>& entries, std::string file, const GivenOption& given,
              FrontEnd& front_end)
      : entries_(entries), file_(std::move(file)), given_(given), front_end_(front_end) {
    optimizer_ = lower(given_("optimizer").value_or(text_of("optimizer", "adam")));
    batches_a_step_ = batches_a_step();
  }

  std::vector<TakenOption> options() {
    for (const io::YamlEntry& entry : entries_) translate(entry);
    add_defaults();
    return std::move(options_);
  }

 private:
  void translate(const io::YamlEntry& entry) {
    using Way = void (Translation::*)(const io::YamlEntry&);
    static const std::map<std::string, Way> ways = {
        {"adapter_path", &Translation::adapter_path},
        {"chat_feature", &Translation::feature},
        {"clear_cache_threshold", &Translation::without_effect},
        {"completion_feature", &Translation::feature},
        {"fine_tune_type", &Translation::fine_tune_type},
        {"grad_accumulation_steps", &Translation::without_effect},  // see batches_a_step
        {"data", &Translation::data},
        {"hf_dataset", &Translation::hf_dataset},
        {"iters", &Translation::count_of_batches},
        {"lora_parameters", &Translation::lora_parameters},
        {"lr_schedule", &Translation::lr_schedule},
        {"mask_prompt", &Translation::mask_prompt},
        {"num_layers", &Translation::num_layers},
        {"optimizer", &Translation::without_effect},  // see add_defaults
        {"optimizer_config", &Translation::optimizer_config},
        {"project_name", &Translation::without_effect},
        {"prompt_feature", &Translation::feature},
        {"report_to", &Translation::report_to},
        {"save_every", &Translation::count_of_batches},
        {"steps_per_eval", &Translation::count_of_batches},
        {"steps_per_report", &Translation::count_of_batches},
        {"text_feature", &Translation::feature},
        {"trust_remote_code", &Translation::without_effect}};
    if (entry.value.is_null()) return;  // the default
    const auto way = ways.find(entry.key);
    if (way == ways.end()) return add(entry.key, entry.value.written(), entry.line);
    (this->*way->second)(entry);
  }

  // Nothing here depends on it: MLX's cache, the services that follow a run, code of a model.
  void without_effect(const io::YamlEntry&) {}

  void adapter_path(const io::YamlEntry& entry) {
    // Empty: the base model alone is tested.
    const bool none = entry.value.scalar == "";
    add(none ? "adapter_file" : "adapter_path", none ? "none" : entry.value.json(), entry.line);
  }

  void fine_tune_type(const io::YamlEntry& entry) {
    const ordered_json type = entry.value.json();
    if (type != "lora" && type != "dora" && type != "full") {
      refuse(entry.line, "fine_tune_type is {}: lora, dora and full are what there is",
             type.dump());
    }
    add(entry.key, type, entry.line);
  }

  bool is_full() const {
    return lower(given_("fine_tune_type").value_or(text_of("fine_tune_type", "lora"))) == "full";
  }

  void mask_prompt(const io::YamlEntry& entry) {
    const ordered_json value = entry.value.json();
    if (!value.is_boolean()) refuse(entry.line, "mask_prompt is true or false");
    if (value == true) add("train_on", "completion", entry.line);
  }

  void feature(const io::YamlEntry& entry) {
    const Feature& its = features().at(entry.key);
    const std::string key = name_in(entry);
    if (key != its.usual) add(its.option, key, entry.line);
  }

  // hf_dataset takes its place.
  void data(const io::YamlEntry& entry) {
    const auto instead = find("hf_dataset");
    const bool takes = instead != entries_.end() && instead->value.json() != false &&
                       !instead->value.json().empty();
    if (!takes) add("data", entry.value.json(), entry.line);
  }

  // Data sets of the Hub: each one's name says its parts and keys, as data::DataName has them.
  void hf_dataset(const io::YamlEntry& entry) {
    if (entry.value.scalar == false) return;
    ordered_json names = ordered_json::array();
    if (entry.value.kind == Kind::list) {
      for (const io::YamlValue& one : entry.value.items) {
        if (one.kind != Kind::map) refuse(one.line, "a data set of hf_dataset is a map");
        names.push_back(data_name(one.entries, one.line));
      }
    } else if (!map_of(entry).empty()) {
      names.push_back(data_name(map_of(entry), entry.line));
    }
    if (!names.empty()) add("data", std::move(names), entry.line);
  }

  std::string data_name(const std::vector<io::YamlEntry>& entries, int line) {
    static const std::map<std::string, std::string> splits = {
        {"train_split", "train"}, {"valid_split", "valid"}, {"test_split", "test"}};
    std::string path;
    std::map<std::string, std::string> said = {{"train", "train[:80%]"}, {"valid", "train[-10%:]"}};
    for (const io::YamlEntry& entry : entries) {
      if (entry.value.is_null()) continue;
      if (entry.key == "path") {
        path = name_in(entry);
      } else if (entry.key == "config") {
        if (const std::string config = config_in(entry); !config.empty()) said["config"] = config;
      } else if (const auto split = splits.find(entry.key); split != splits.end()) {
        said[split->second] = name_in(entry);
      } else if (const auto feature = features().find(entry.key); feature != features().end()) {
        const std::string key = name_in(entry);
        if (key != feature->second.usual) said[feature->second.in_name] = key;
      } else if (entry.key != "name") {
        no_such(entry, "hf_dataset",
                {"path", "config", "train_split", "valid_split", "test_split", "text_feature",
                 "prompt_feature", "completion_feature", "chat_feature"});
      }
    }
    if (path.empty()) refuse(line, "a data set of hf_dataset has a path");
    std::string name = path;
    for (const auto& [key, value] : said) {
      name += (name.size() == path.size() ? "?" : "&") + key + "=" + value;
    }
    return name;
  }

  // What the package `datasets` takes: its name alone has a meaning here.
  std::string config_in(const io::YamlEntry& entry) const {
    if (entry.value.kind != Kind::map) return name_in(entry);
    std::string name;
    for (const io::YamlEntry& one : entry.value.entries) {
      if (one.key != "name") refuse(one.line, "config: {} is not supported: name is", one.key);
      name = name_in(one);
    }
    return name;
  }

  // A text that can stand in a data set's name.
  std::string name_in(const io::YamlEntry& entry) const {
    const ordered_json value = entry.value.json();
    if (!value.is_string()) refuse(entry.line, "{} is a text", entry.key);
    const auto text = value.get<std::string>();
    if (text.empty() || text.find_first_of("&?") != std::string::npos) {
      refuse(entry.line, "{} '{}' is no name", entry.key, text);
    }
    return text;
  }

  void report_to(const io::YamlEntry& entry) {
    const ordered_json to = entry.value.json();
    if (to == "" || to == false) return;
    front_end_.warn(
        "{}: report_to has no part: graft sends nothing anywhere, and writes its "
        "records beside the adapter",
        at(entry.line));
  }

  void num_layers(const io::YamlEntry& entry) {
    const auto count = whole_number(entry.value.json());
    add("num_layers", count && *count < 1 ? ordered_json(-1) : entry.value.json(), entry.line);
  }

  void lora_parameters(const io::YamlEntry& entry) {
    if (is_full()) return;  // as in mlx-lm
    static const std::map<std::string, std::string> names = {{"rank", "lora_rank"},
                                                             {"scale", "lora_scale"},
                                                             {"dropout", "lora_dropout"},
                                                             {"keys", "lora_keys"}};
    for (const io::YamlEntry& parameter : map_of(entry)) {
      if (parameter.key == "alpha") {
        refuse(parameter.line,
               "lora_parameters has no alpha: scale is what the adapters' output is multiplied by "
               "(alpha / rank)");
      }
      const auto name = names.find(parameter.key);
      if (name == names.end()) no_such(parameter, "lora_parameters", keys_of(names));
      if (parameter.key == "keys" && !parameter.value.is_null() &&
          parameter.value.kind != Kind::list) {
        refuse(parameter.line, "keys is a list");
      }
      add(name->second, parameter.value.json(), parameter.line);
    }
  }

  void lr_schedule(const io::YamlEntry& entry) {
    if (entry.value.scalar == false) return;
    static const std::map<std::string, std::string> names = {{"name", "schedule"},
                                                             {"arguments", "schedule_arguments"},
                                                             {"warmup", "warmup"},
                                                             {"warmup_init", "warmup_init"}};
    std::set<std::string> there;
    for (const io::YamlEntry& part : map_of(entry)) {
      const auto name = names.find(part.key);
      if (name == names.end()) no_such(part, "lr_schedule", keys_of(names));
      if (part.key == "arguments" && part.value.kind != Kind::list) {
        refuse(part.line, "arguments is a list");
      }
      add(name->second, part.value.json(), part.line);
      there.insert(part.key);
    }
    for (const char* needed : {"name", "arguments"}) {
      if (there.count(needed) == 0 && !there.empty()) {
        refuse(entry.line, "lr_schedule needs {}", needed);
      }
    }
  }

  void optimizer_config(const io::YamlEntry& entry) {
    for (const io::YamlEntry& one : map_of(entry)) {
      const auto options = optimizer_options().find(lower(one.key));
      if (options == optimizer_options().end()) {
        no_such(one, "optimizer_config", keys_of(optimizer_options()));
      }
      const bool is_ours = options->first == optimizer_;
      for (const io::YamlEntry& option : map_of(one)) {
        const auto names = options->second.find(option.key);
        if (names == options->second.end()) no_such(option, one.key, keys_of(options->second));
        if (is_ours) add_elements(option, names->second);
      }
    }
  }

  void add_elements(const io::YamlEntry& option, const std::vector<std::string>& names) {
    if (option.value.kind != Kind::list) {
      if (option.key == "betas") refuse(option.line, "betas is a list of two");
      return add(names[0], option.value.json(), option.line);
    }
    if (option.value.items.size() != names.size()) {
      refuse(option.line, "{} has {} values: {} takes {}", option.key, option.value.items.size(),
             optimizer_, names.size());
    }
    for (size_t i = 0; i < names.size(); ++i) {
      add(names[i], option.value.items[i].json(), option.line);
    }
  }

  // mlx-lm counts batches, graft steps.
  void count_of_batches(const io::YamlEntry& entry) {
    const ordered_json value = entry.value.json();
    const auto batches = whole_number(value);
    counts_.insert(entry.key);
    if (!batches || *batches < 1) return add(entry.key, value, entry.line);
    add_count(entry.key, *batches, entry.line);
  }

  void add_count(const std::string& name, int64_t batches, int line) {
    const int64_t steps = batches / batches_a_step_;
    if (steps == 0 && name == "iters") {
      refuse(line, "iters {} are fewer batches than the {} of a step", batches, batches_a_step_);
    }
    add(name, std::max<int64_t>(steps, 1), line);
  }

  void add_defaults() {
    if (!has("train_on")) add("train_on", "all", line_of("mask_prompt"));
    const bool has_keys = has("lora_keys") || is_full();
    if (!has_keys) add("lora_keys", "all", 1);
    if (!has_keys && !given_("lora_keys")) {
      front_end_.note("{}: without keys every linear layer gets an adapter, as in mlx-lm", file_);
    }
    add("optimizer", optimizer_, line_of("optimizer"));
    if (optimizer_ == "adafactor") {
      for (const char* name : {"relative_step", "scale_parameter"}) {
        if (!has(name)) add(name, true, line_of("optimizer"));
      }
    }
    if (batches_a_step_ == 1) return;
    const int line = line_of("grad_accumulation_steps");
    add("grad_accumulation", batches_a_step_, line);
    for (const auto& [name, batches] : counts_of_batches()) {
      if (counts_.count(name) == 0) add_count(name, batches, line);
    }
    front_end_.note(
        "{}: counts of batches, as in mlx-lm, {} of which are one of graft's iterations", file_,
        batches_a_step_);
  }

  int64_t batches_a_step() const {
    const auto entry = find("grad_accumulation_steps");
    if (entry == entries_.end() || entry->value.is_null()) return 1;
    if (const auto given = given_("grad_accumulation")) {
      int64_t number = 0;
      std::from_chars(given->data(), given->data() + given->size(), number);
      return std::max<int64_t>(number, 1);
    }
    const auto number = whole_number(entry->value.json());
    if (!number || *number < 1 || *number > (1 << 20)) {
      refuse(entry->line, "grad_accumulation_steps is {}: it is a whole number of at least 1",
             entry->value.json().dump());
    }
    return *number;
  }

  // What a map holds.
  const std::vector<io::YamlEntry>& map_of(const io::YamlEntry& entry) const {
    if (entry.value.kind != Kind::map) {
      static const std::vector<io::YamlEntry> nothing;
      if (entry.value.is_null()) return nothing;
      refuse(entry.line, "{} is a map", entry.key);
    }
    return entry.value.entries;
  }

  void add(const std::string& name, ordered_json value, int line) {
    options_.push_back({name, std::move(value), at(line)});
  }

  bool has(const std::string& option) const {
    return std::any_of(options_.begin(), options_.end(), [&](const TakenOption& o) {
      return o.name == option && !o.value.is_null();
    });
  }

  std::vector<io::YamlEntry>::const_iterator find(const std::string& name) const {
    return std::find_if(entries_.begin(), entries_.end(),
                        [&](const io::YamlEntry& entry) { return entry.key == name; });
  }

  std::string text_of(const std::string& name, const std::string& otherwise) const {
    const auto entry = find(name);
    if (entry == entries_.end() || entry->value.is_null()) return otherwise;
    const ordered_json value = entry->value.json();
    return value.is_string() ? value.get<std::string>() : value.dump();
  }

  int line_of(const std::string& name) const {
    const auto entry = find(name);
    return entry == entries_.end() ? 1 : entry->line;
  }

  std::string at(int line) const { return fmt::format("{}:{}", file_, line); }

  template <class... Args>
  [[noreturn]] void refuse(int line, fmt::format_string<Args...> text, Args&&... args) const {
    fail_usage("{}: {}", at(line), fmt::format(text, std::forward<Args>(args)...));
  }

  [[noreturn]] void no_such(const io::YamlEntry& entry, const std::string& in,
                            const std::vector<std::string>& names) const {
    refuse(entry.line, "{} has no {}: {}", in, entry.key, choices_for(entry.key, names));
  }

  const std::vector<io::YamlEntry>& entries_;
  std::string file_;
  const GivenOption& given_;
  FrontEnd& front_end_;
  std::string optimizer_;
  int64_t batches_a_step_ = 1;
  std::set<std::string> counts_;  // those that were given
  std::vector<TakenOption> options_;
};

}  // namespace

std::vector<std::string> mlx_lm_setting_names() {
  return {"chat_feature",     "clear_cache_threshold", "completion_feature", "fine_tune_type",
          "hf_dataset",       "lora_parameters",       "lr_schedule",        "mask_prompt",
          "optimizer_config", "project_name",          "prompt_feature",     "report_to",
          "text_feature",     "trust_remote_code"};
}

bool are_mlx_lm_settings(const std::vector<io::YamlEntry>& entries) {
  std::vector<std::string> own = mlx_lm_setting_names();
  own.insert(own.end(), {"adapter_path", "grad_accumulation_steps"});
  // graft's records have that one, too, beside a name that mlx-lm has not.
  const bool is_record = std::any_of(entries.begin(), entries.end(),
                                     [](const auto& entry) { return entry.key == "lora_layers"; });
  if (is_record) own.erase(std::find(own.begin(), own.end(), "fine_tune_type"));
  return std::any_of(entries.begin(), entries.end(), [&](const io::YamlEntry& entry) {
    return std::find(own.begin(), own.end(), entry.key) != own.end();
  });
}

std::vector<TakenOption> from_mlx_lm(const std::vector<io::YamlEntry>& entries,
                                     const std::string& file, const GivenOption& given,
                                     FrontEnd& front_end) {
  return Translation(entries, file, given, front_end).options();
}

}  // namespace graft::cli
