#include "cli/given_options.h"

#include <fmt/ranges.h>

#include "graft/base/shell_quoted.h"

namespace graft::cli {
namespace {

std::string flag_of(const CLI::Option& option) {
  return option.get_lnames().empty() ? "-" + option.get_snames().front()
                                     : "--" + option.get_lnames().front();
}

}  // namespace

std::vector<std::string> given_arguments(const CLI::App& command,
                                         const std::set<std::string>& but) {
  std::vector<std::string> arguments;
  const auto add = [&](const std::string& flag, const std::string& value) {
    // What begins with a dash would be another option.
    if (value.starts_with("-")) {
      arguments.push_back(flag + "=" + value);
    } else {
      arguments.insert(arguments.end(), {flag, value});
    }
  };
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0) continue;
    const std::string flag = flag_of(*option);
    if (but.count(flag) != 0) continue;
    const std::vector<std::string> values = option->reduced_results();
    if (option->get_items_expected_max() == 0) {
      arguments.push_back(values == std::vector<std::string>{"true"}
                              ? flag
                              : fmt::format("{}={}", flag, fmt::join(values, "")));
    } else if (option->get_delimiter() != '\0') {
      add(flag, fmt::format("{}", fmt::join(values, std::string(1, option->get_delimiter()))));
    } else {
      for (const std::string& value : values) add(flag, value);
    }
  }
  return arguments;
}

std::string given_options(const CLI::App& command, const std::set<std::string>& but) {
  std::string text;
  for (const std::string& argument : given_arguments(command, but)) {
    text += " " + shell_quoted(argument);
  }
  return text;
}

}  // namespace graft::cli
