#include "cli/taken_options.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "cli/option_names.h"
#include "graft/base/error.h"

namespace graft::cli {
namespace {

std::string text_of(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number_float() ? fmt::format("{}", value.get<double>()) : value.dump();
}

std::vector<std::string> texts_of(const TakenOption& taken, const CLI::Option& option) {
  const bool is_list = taken.value.is_array();
  if (taken.value.is_object() || (is_list && option.get_expected_max() == 1)) {
    fail_usage("{}: {} takes one value", taken.where, taken.name);
  }
  if (!is_list) return {text_of(taken.value)};
  std::vector<std::string> texts;
  for (const ordered_json& item : taken.value) {
    if (item.is_structured()) fail_usage("{}: {} takes plain values", taken.where, taken.name);
    texts.push_back(text_of(item));
  }
  if (texts.empty()) fail_usage("{}: {} is an empty list", taken.where, taken.name);
  return texts;
}

CLI::Option& option_of(CLI::App& command, const TakenOption& taken) {
  CLI::Option* option = command.get_option_no_throw(flag_named(taken.name));
  if (option != nullptr) return *option;
  fail_usage("{}: there is no option {}{}", taken.where, taken.name,
             did_you_mean(taken.name, option_names(command)));
}

bool any_given(const std::set<CLI::Option*>& options) {
  return std::any_of(options.begin(), options.end(),
                     [](const CLI::Option* option) { return option->count() > 0; });
}

}  // namespace

std::vector<TakenOption> taken_from(const ordered_json& values, const std::string& where) {
  std::vector<TakenOption> taken;
  for (const auto& [name, value] : values.items()) taken.push_back({name, value, where});
  return taken;
}

void take_options(CLI::App& command, const std::vector<TakenOption>& options) {
  std::set<const CLI::Option*> given;
  for (CLI::Option* option : command.get_options()) {
    if (option->count() > 0 || any_given(option->get_excludes())) given.insert(option);
  }
  for (const TakenOption& taken : options) {
    CLI::Option& option = option_of(command, taken);
    if (taken.value.is_null() || given.count(&option) != 0) continue;
    if (option.count() > 0) fail_usage("{}: {} is given twice", taken.where, taken.name);
    for (const std::string& text : texts_of(taken, option)) option.add_result(text);
    for (const CLI::Option* other : option.get_excludes()) {
      if (other->count() == 0) continue;
      fail_usage("{}: {} excludes {}", taken.where, taken.name, other->get_single_name());
    }
    try {
      option.run_callback();
    } catch (const CLI::ParseError& error) {
      fail_usage("{}: {}", taken.where, error.what());
    }
  }
}

}  // namespace graft::cli
