#include "cli/suggest.h"

#include <fmt/format.h>

#include <map>
#include <vector>

#include "graft/base/nearest.h"

namespace graft::cli {
namespace {

std::vector<std::string> spelled_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

// What people ask for under other names.
std::string command_for(const std::string& word, const CLI::App& app) {
  static const std::map<std::string, std::string> others = {
      {"train", "lora --train"}, {"finetune", "lora --train"}, {"fine-tune", "lora --train"},
      {"test", "lora --test"},   {"eval", "lora --test"},      {"chat", "generate"},
      {"run", "generate"},       {"quantize", "convert -q"},   {"merge", "fuse"}};
  std::vector<std::string> names = command_names(app);
  for (const auto& [other, command] : others) names.push_back(other);
  const std::string found = nearest(word, names);
  const auto other = others.find(found);
  return other == others.end() ? found : other->second;
}

std::string with_suggestion(const std::string& problem, const std::string& suggestion,
                            const std::string& help) {
  if (!suggestion.empty()) return fmt::format("{}; did you mean {}?", problem, suggestion);
  return fmt::format("{}; see {}", problem, help);
}

}  // namespace

std::string explain(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  const CLI::App* command = &app;
  for (auto parsed = app.get_subcommands(); !parsed.empty(); parsed = command->get_subcommands()) {
    command = parsed.back();
  }
  std::string help =
      command == &app ? "graft --help" : fmt::format("graft {} --help", command->get_name());
  if (command == &app && argc > 1 && argv[1][0] != '-') {
    return with_suggestion(fmt::format("there is no command '{}'", argv[1]),
                           command_for(argv[1], app), help);
  }
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    // CLI11 keeps the surplus arguments in its message alone.
    const std::string message = std::string(error.what()) + " ";
    for (int i = 1; i < argc; ++i) {
      std::string extra = argv[i];
      if (message.find(" " + extra + " ") == std::string::npos) continue;
      std::string name = extra.substr(0, extra.find('='));
      if (name.starts_with("-")) {
        return with_suggestion(fmt::format("there is no option {}", name),
                               nearest(name, spelled_names(*command)), help);
      }
      return with_suggestion(fmt::format("'{}' belongs to no option", name), "", help);
    }
  }
  return with_suggestion(error.what(), "", help);
}

}  // namespace graft::cli
