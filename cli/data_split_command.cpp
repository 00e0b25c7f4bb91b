#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/data_commands.h"
#include "cli/number_checks.h"
#include "cli/output.h"
#include "graft/data/conversion/division.h"

namespace graft::cli {
namespace {

struct DataSplitCommand {
  std::string in, folder;
  data::DivisionOptions options;
};

void run_data_split(const DataSplitCommand& o, const engine::Runtime& runtime) {
  const auto files = data::divide_rows({o.in, o.in}, o.folder, o.options, runtime.front_end());
  for (const data::DividedFile& file : files) {
    print_out("Wrote {} ({} record{})\n", (fs::path(o.folder) / file.name).string(), file.rows,
              file.rows == 1 ? "" : "s");
  }
}

}  // namespace

void add_data_split_command(CLI::App& data, engine::Runtime& runtime) {
  auto o = std::make_shared<DataSplitCommand>();
  CLI::App* command = data.add_subcommand(
      "split", "Divide a file into train, valid and test, by a hash of its records");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("IN", o->in, "A file of records")->required();
  command->add_option("OUT_DIR", o->folder, "The folder to write")->required();
  command
      ->add_option("--valid", o->options.valid,
                   "Share that validates; the same records as with --valid-split")
      ->check(number_between(0, 0.99));
  command->add_option("--test", o->options.test, "Share that tests")
      ->check(number_between(0, 0.99));
  command->add_flag("--force", o->options.force, "Replace the splits that are there");
  on_run(*command, runtime, [o, &runtime] { run_data_split(*o, runtime); });
}

}  // namespace graft::cli
