#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/data_commands.h"
#include "cli/data_options.h"
#include "cli/output.h"
#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/data/conversion/conversion.h"
#include "graft/data/rows/row_writer.h"
#include "graft/engine/named_model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::cli {
namespace {

struct DataConvertCommand {
  std::string in, out, to;
  std::optional<std::string> model;
  data::RowKeys keys;
  data::RenderOptions render;
  bool only = false, skip = false, force = false;
};

void run_data_convert(const DataConvertCommand& o, const engine::Runtime& runtime) {
  data::check_row_file(o.out);
  if (!o.force && is_there(o.out)) fail_usage("{} is there already: `force` replaces it", o.out);
  check_writable(o.out);
  data::ConversionOptions options{
      .to = data::target_format_named(o.to), .keys = o.keys, .only = o.only, .skip = o.skip};
  std::optional<data::Renderer> renderer;
  if (o.model) {
    const fs::path folder =
        is_there(*o.model) ? fs::path(*o.model) : engine::named_config(runtime, *o.model);
    renderer.emplace(data::chat_form(folder, tokenizer::Tokenizer::load(folder)), o.render);
    options.renderer = &*renderer;
  }
  const data::ConversionCounts counts =
      data::convert_rows({o.in, o.in}, o.out, options, runtime.front_end());
  if (counts.skipped > 0) {
    runtime.front_end().warn("{} of {} records are left out; the first: {}", counts.skipped,
                             counts.skipped + counts.written, counts.first_skipped);
  }
  print_out("Wrote {} ({} record{})\n", o.out, counts.written, counts.written == 1 ? "" : "s");
}

}  // namespace

void add_data_convert_command(CLI::App& data, engine::Runtime& runtime) {
  auto o = std::make_shared<DataConvertCommand>();
  CLI::App* command =
      data.add_subcommand("convert", "Write the records of a file in another format");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("IN", o->in, "A file of records")->required();
  command
      ->add_option("OUT", o->out,
                   "The file to write: .jsonl, .json, .csv or .tsv, also with .gz or .zst")
      ->required();
  command
      ->add_option("--to", o->to,
                   "text (with --model, by its chat template), pair, chat, sharegpt, instruction "
                   "or preference")
      ->required()
      ->check(CLI::IsMember(data::target_format_names()));
  command->add_option("--model", o->model, "Folder or name of the model whose template is used");
  command->add_flag("--raw-pairs", o->render.raw_pairs,
                    "Put prompt and completion together as they are, without the template");
  add_key_options(*command, o->keys);
  command->add_flag("--only", o->only, "Leave out the rows' other members");
  command->add_flag("--skip", o->skip, "Leave out records that cannot be converted");
  command->add_flag("--force", o->force, "Replace OUT if it is there");
  on_run(*command, runtime, [o, &runtime] { run_data_convert(*o, runtime); });
}

}  // namespace graft::cli
