#include "cli/grid.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "cli/option_names.h"
#include "graft/base/error.h"

namespace graft::cli {
namespace {

constexpr char kJoin = '+';  // of the elements of a list

const char* kOthersLosses = "it changes what is measured, and losses could not be compared";
const char* kNoPart = "it has no part in what is trained";

// Options that a sweep has, but cannot vary, and why not.
const std::map<std::string, const char*>& fixed_options() {
  static const std::map<std::string, const char*> all = {{"activations", kOthersLosses},
                                                         {"add_eos_token", kOthersLosses},
                                                         {"config", kNoPart},
                                                         {"data", kOthersLosses},
                                                         {"force", kNoPart},
                                                         {"grid", kNoPart},
                                                         {"help", kNoPart},
                                                         {"keep", kNoPart},
                                                         {"max_bad_steps", kNoPart},
                                                         {"max_seq_length", kOthersLosses},
                                                         {"model", kOthersLosses},
                                                         {"out", kNoPart},
                                                         {"profile", kNoPart},
                                                         {"resume_adapter_file", kOthersLosses},
                                                         {"sample_prompt", kNoPart},
                                                         {"sample_tokens", kNoPart},
                                                         {"save_every", kNoPart},
                                                         {"steps_per_eval", kOthersLosses},
                                                         {"steps_per_report", kNoPart},
                                                         {"tensorboard", kNoPart},
                                                         {"threads", kNoPart},
                                                         {"val_batches", kOthersLosses}};
  return all;
}

// The first of its names.
std::string name_of(const CLI::Option& option) {
  return with_underscores(option.get_lnames().front());
}

const CLI::Option& option_named(const std::string& name, const CLI::App& command) {
  const CLI::Option* option =
      name.empty() ? nullptr : command.get_option_no_throw(flag_named(name));
  if (option != nullptr && !option->get_lnames().empty()) return *option;
  std::vector<std::string> names;
  for (const CLI::Option* other : command.get_options()) {
    if (other->get_lnames().empty()) continue;
    const std::string known = name_of(*other);
    if (fixed_options().count(known) == 0) names.push_back(known);
  }
  fail_usage("--grid: there is no option '{}'{}", name,
             did_you_mean(with_underscores(name), names));
}

std::vector<std::string> values_in(const std::string& text, const std::string& name) {
  std::vector<std::string> values;
  std::set<std::string> seen;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string value = one_form(text.substr(begin, end - begin));
    if (value.empty()) fail_usage("--grid {}: a value is empty in '{}'", name, text);
    if (value.find('/') != std::string::npos) {
      fail_usage("--grid {}: '{}' cannot be a part of a folder's name", name, value);
    }
    if (!seen.insert(value).second) fail_usage("--grid {}: {} is there twice", name, value);
    values.push_back(value);
    begin = end + 1;
  }
  return values;
}

}  // namespace

std::string one_form(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  const bool is_number = error == std::errc() && stopped == end && std::isfinite(value);
  // A whole number may have more digits than a double holds.
  const bool is_whole = text.find_first_not_of("0123456789") == std::string::npos;
  return is_number && !is_whole ? fmt::format("{}", value) : text;
}

std::vector<GridAxis> read_grid(const std::vector<std::string>& texts, const CLI::App& command) {
  std::vector<GridAxis> grid;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      fail_usage("--grid {}: give an option and its values, such as learning_rate=1e-5,1e-4", text);
    }
    const CLI::Option& option = option_named(text.substr(0, equals), command);
    const std::string name = name_of(option);
    const auto fixed = fixed_options().find(name);
    if (fixed != fixed_options().end()) {
      fail_usage("--grid: {} cannot be varied: {}", name, fixed->second);
    }
    if (option.count() > 0) {
      fail_usage("--grid varies {}: do not give {}, too", name, flag_named(name));
    }
    for (const GridAxis& other : grid) {
      if (other.name == name) fail_usage("--grid: {} is there twice", name);
    }
    grid.push_back({name, values_in(text.substr(equals + 1), name)});
  }
  return grid;
}

std::vector<Combination> combinations_of(const std::vector<GridAxis>& grid) {
  constexpr size_t kMost = 1000;
  std::vector<Combination> all = {{}};
  for (const GridAxis& axis : grid) {
    if (all.size() * axis.values.size() > kMost) {
      fail_usage("--grid: there are more than {} combinations", kMost);
    }
    std::vector<Combination> longer;
    for (const Combination& combination : all) {
      for (const std::string& value : axis.values) {
        longer.push_back(combination);
        longer.back().emplace_back(axis.name, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

std::string name_of(const Combination& combination) {
  std::string name;
  const std::map<std::string, std::string> sorted(combination.begin(), combination.end());
  for (const auto& [option, value] : sorted) {
    name += fmt::format("{}{}={}", name.empty() ? "" : ",", option, value);
  }
  return name;
}

std::vector<std::string> arguments_of(const Combination& combination, const CLI::App& command) {
  std::vector<std::string> arguments;
  for (auto [name, value] : combination) {
    const CLI::Option& option = option_named(name, command);
    if (option.get_delimiter() != '\0') {
      std::replace(value.begin(), value.end(), kJoin, option.get_delimiter());
    }
    arguments.push_back(flag_named(name) + "=" + value);
  }
  return arguments;
}

}  // namespace graft::cli
