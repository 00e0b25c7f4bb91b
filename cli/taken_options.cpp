#include "cli/taken_options.h"

#include <algorithm>
#include <vector>

#include "graft/base/error.h"

namespace graft::cli {
namespace {

std::string text_of(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<std::string> texts_of(const ordered_json& value) {
  if (!value.is_array()) return {text_of(value)};
  std::vector<std::string> texts;
  for (const ordered_json& element : value) texts.push_back(text_of(element));
  return texts;
}

}  // namespace

void take_options(CLI::App& command, const ordered_json& values, const std::string& where) {
  for (const auto& [name, value] : values.items()) {
    std::string flag = "--" + name;
    std::replace(flag.begin(), flag.end(), '_', '-');
    CLI::Option* option = command.get_option_no_throw(flag);
    if (option == nullptr) fail_usage("{}: there is no option {}", where, flag);
    if (option->count() > 0 || value.is_null()) continue;
    for (const std::string& text : texts_of(value)) option->add_result(text);
    try {
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      fail_usage("{}: {}: {}", where, name, error.what());
    }
  }
}

}  // namespace graft::cli
