#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/data_check_output.h"
#include "cli/data_commands.h"
#include "cli/data_options.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/threads_option.h"
#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/data/check/checker.h"
#include "graft/data/check/report_json.h"
#include "graft/data/check/report_page.h"
#include "graft/engine/loaded_model.h"
#include "graft/engine/named_model.h"

namespace graft::cli {
namespace {

struct DataCheckCommand {
  engine::DataOptions data;
  data::RenderOptions render;
  std::vector<std::string> positional;
  std::optional<std::string> model, html;
  int64_t shown = 3, listed = 10;
  bool strict = false, json = false;
};

fs::path tokenizer_folder(const engine::Runtime& runtime, const std::string& name) {
  return is_there(name) ? fs::path(name) : engine::named_config(runtime, name);
}

bool same_files(const data::Source& a, const data::Source& b) {
  return std::equal(a.files.begin(), a.files.end(), b.files.begin(), b.files.end(),
                    [](const auto& x, const auto& y) { return x.path == y.path; });
}

// A set that is one file is its test set, too: that is nothing to compare with itself.
bool is_trained_on(const data::Source& test, const std::vector<data::Source>& train) {
  return test.slice.is_all() && std::any_of(train.begin(), train.end(), [&](const auto& source) {
           return same_files(source, test);
         });
}

// Rows that come through a pipe: "-" or what the shell puts in a command's place.
std::optional<data::Source> pipe_of(const engine::DataOptions& data) {
  if (data.names.size() != 1) return {};
  const std::string name = data.names[0] == "-" ? "/dev/stdin" : data.names[0];
  std::error_code ignored;
  const fs::file_status status = fs::status(name, ignored);
  const bool stored = fs::is_regular_file(status) || fs::is_directory(status);
  if (!fs::exists(status) || (stored && name == data.names[0])) return {};
  if (data.valid_split > 0) fail_usage("`valid_split`: a pipe is read once, not twice");
  return data::Source{.files = {{name, data.names[0]}}, .keys = data.keys};
}

std::vector<data::check::CheckedSplit> checked_splits(const DataCheckCommand& o,
                                                      const engine::Runtime& runtime) {
  if (const auto pipe = pipe_of(o.data)) return {{"train", {*pipe}}};
  const std::vector<std::string> names = {"train", "valid", "test"};
  const engine::NamedData data = named_data(runtime, o.data, names);
  std::vector<data::check::CheckedSplit> splits;
  for (const std::string& name : names) {
    std::vector<data::Source> sources = data.sources(name);
    if (name == "test") {
      const std::vector<data::Source> train = data.sources("train");
      std::erase_if(sources, [&](const auto& source) { return is_trained_on(source, train); });
    }
    if (!sources.empty()) splits.push_back({name, std::move(sources)});
  }
  if (splits.empty()) {
    fail("{}: there is neither train, valid nor test.jsonl, nor another file of these splits",
         fmt::join(o.data.names, ", "));
  }
  return splits;
}

data::check::Report checked(const DataCheckCommand& o, const engine::Runtime& runtime) {
  const auto splits = checked_splits(o, runtime);
  data::check::CheckOptions options{.listed = static_cast<size_t>(o.listed),
                                    .shown = static_cast<size_t>(o.shown)};
  std::optional<data::Encoder> encoder;
  if (o.model) {
    const fs::path folder = tokenizer_folder(runtime, *o.model);
    const auto tokenizer = tokenizer::Tokenizer::load(folder);
    data::RenderOptions render = o.render;
    render.vocab_size = engine::vocabulary_of(folder).value_or(render.vocab_size);
    encoder.emplace(tokenizer, data::chat_form(folder, tokenizer), render);
    options.encoder = &*encoder;
  }
  return data::check::check(splits, options, runtime.front_end());
}

void run_data_check(DataCheckCommand& o, const engine::Runtime& runtime) {
  if (!o.positional.empty()) o.data.names = o.positional;
  check_data_options(o.data, o.render);
  if (o.html) check_writable(*o.html);
  const data::check::Report report = checked(o, runtime);
  if (o.html) write_text(*o.html, data::check::page_of(report));
  if (o.json) {
    print_json(data::check::to_json(report));
  } else {
    print_check(report);
    if (o.html) print_out("\nWrote {}\n", *o.html);
  }
  finish_output();
  if (o.strict && report.problem_count() > 0) throw CLI::RuntimeError(1);
}

}  // namespace

void add_data_check_command(CLI::App& data, engine::Runtime& runtime) {
  auto o = std::make_shared<DataCheckCommand>();
  CLI::App* command = data.add_subcommand(
      "check", "Say what a data set is and what is wrong with it, before it is trained on");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("DATA", o->positional, "The same as --data; -: standard input");
  add_data_options(*command, o->data);
  command->add_option("--model", o->model,
                      "Folder or name of the model whose tokenizer and chat template are used; "
                      "without one, what needs them is left out");
  add_render_options(*command, o->render);
  command
      ->add_option("--show", o->shown,
                   "Show so many records of each source of the first split, as the model sees "
                   "them: what is trained in colour, or in [[ ]]")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--list", o->listed, "List so many problems of each kind")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--strict", o->strict, "Exit with 1 if there is a problem");
  command->add_flag("--json", o->json, "Print JSON, for scripts");
  command->add_option("--html", o->html, "Write a page, too");
  add_threads_option(*command, runtime, "Threads to use");
  on_run(*command, runtime, [o, &runtime] { run_data_check(*o, runtime); });
}

}  // namespace graft::cli
