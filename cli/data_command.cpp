#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/data_commands.h"
#include "cli/output.h"
#include "graft/data/importers/wikisql.h"

namespace graft::cli {
namespace {

void run_wikisql(const data::WikiSqlOptions& options, const engine::Runtime& runtime) {
  print_out("Downloading {}\n", options.url);
  finish_output();
  for (const data::WikiSqlFile& file : data::write_wikisql(options, runtime.options().front_end)) {
    print_out("Wrote {} ({} examples)\n", file.path.string(), file.examples);
  }
}

}  // namespace

void add_data_command(CLI::App& app, engine::Runtime& runtime) {
  CLI::App* command = app.add_subcommand("data", "Check, convert, divide or fetch a data set");
  command->require_subcommand(1);
  add_data_check_command(*command, runtime);
  add_data_convert_command(*command, runtime);
  add_data_split_command(*command, runtime);

  auto options = std::make_shared<data::WikiSqlOptions>();
  CLI::App* wikisql = command->add_subcommand(
      "wikisql", "Download WikiSQL and write its questions as text-to-SQL examples");
  wikisql->add_flag(
      "--all", options->all,
      "Write every question (56,355 / 8,421 / 15,878), not the first 1000 / 100 / 100");
  wikisql->add_flag(
      "--tables,!--no-tables", options->tables,
      "Write each question's table with its first 200 rows, on which its SQL can run");
  wikisql->add_option("--output", options->output, "Folder for train, valid and test.jsonl")
      ->capture_default_str();
  wikisql->add_option("--url", options->url, "Where the archive lies: https:// or file://")
      ->capture_default_str();
  on_run(*wikisql, runtime, [options, &runtime] { run_wikisql(*options, runtime); });
}

}  // namespace graft::cli
