#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/threads_option.h"

namespace graft::cli {
namespace {

struct InfoCommand {
  std::optional<std::string> model;
  bool json = false;
};

ordered_json to_json(const std::vector<Fact>& facts) {
  ordered_json all;
  for (const Fact& fact : facts) all[fact.key] = fact.value;
  return all;
}

void print_screen(const std::vector<Fact>& facts) {
  size_t width = 0;
  for (const Fact& fact : facts) {
    for (const Fact::Line& line : fact.lines) width = std::max(width, line.label.size());
  }
  for (const Fact& fact : facts) {
    for (const Fact::Line& line : fact.lines) {
      print_out("{:<{}} {}\n", line.label + ":", width + 1, line.text);
    }
  }
}

void run(const InfoCommand& o, const engine::Runtime& runtime) {
  std::vector<Fact> facts = machine_facts();
  if (o.model) facts.push_back(model_fact(load_named(runtime, *o.model)));
  if (o.json) {
    print_json(to_json(facts));
  } else {
    print_screen(facts);
  }
}

}  // namespace

void add_info_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<InfoCommand>();
  CLI::App* command = app.add_subcommand(
      "info", "Say what graft runs on: processor, threads, memory, kernels; what a model is");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("--model", o->model, "Folder of a model to describe, converted or not");
  command->add_flag("--json", o->json, "Print JSON, for scripts");
  add_threads_option(*command, runtime, "Threads that the others would be given");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime); });
}

}  // namespace graft::cli
