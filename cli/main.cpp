#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/ranks.h"
#include "cli/suggest.h"
#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/engine/console.h"
#include "graft/engine/runtime.h"

namespace {

constexpr int kReaderGone = 141;  // as shells have it: 128 + the signal

// Where others are, MLX's engines would wait for them at the end.
int ended(int code) {
  const bool in_order = code == 0 || code == graft::cli::kInterruptedCode;
  if (in_order || !graft::cli::has_joined()) return code;
  try {
    graft::cli::finish_output();
  } catch (const graft::Error&) {  // there is nobody to tell
  }
  std::_Exit(code);
}

int report(graft::FrontEnd& front_end, std::string_view message, int code) {
  front_end.progress({});  // nothing is in progress any more
  graft::cli::print_error("graft: {}\n", message);
  return ended(code);
}

}  // namespace

int main(int argc, char** argv) {
  graft::cli::occupy_standard_streams();
  // A file size limit and a pipe without a reader are errors of write, not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  graft::survive_cut_files();
  graft::engine::tune_memory();
  graft::engine::Runtime runtime(
      {.front_end = graft::engine::make_console(
           {graft::cli::with_flags, graft::cli::interrupted, graft::cli::output_is_muted})});
  graft::FrontEnd& front_end = runtime.front_end();

  CLI::App app("LoRA and QLoRA fine-tuning of large language models.", "graft");
  app.set_version_flag("--version", "graft " GRAFT_VERSION);
  app.require_subcommand(1);
  graft::cli::add_convert_command(app, runtime);
  graft::cli::add_lora_command(app, runtime);
  graft::cli::add_launch_command(app, runtime);
  graft::cli::add_sweep_command(app, runtime);
  graft::cli::add_plan_command(app, runtime);
  graft::cli::add_eval_command(app, runtime);
  graft::cli::add_report_command(app, runtime);
  graft::cli::add_fuse_command(app, runtime);
  graft::cli::add_export_command(app, runtime);
  graft::cli::add_generate_command(app, runtime);
  graft::cli::add_data_command(app, runtime);
  graft::cli::add_adapter_command(app, runtime);
  graft::cli::add_tokenize_command(app, runtime);
  graft::cli::add_upload_command(app, runtime);
  graft::cli::add_cache_command(app, runtime);
  graft::cli::add_info_command(app, runtime);
  app.footer("`graft COMMAND --help` lists a command's options.");
  try {
    app.parse(argc, argv);
    graft::cli::finish_output();
    return 0;
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::RuntimeError& done) {  // a command's own exit code, not 0
    return ended(done.get_exit_code());
  } catch (const CLI::ParseError& error) {
    return report(front_end, graft::cli::explain(app, error, argc, argv), 2);
  } catch (const graft::cli::ReaderGone&) {
    return ended(kReaderGone);
  } catch (const graft::Cancelled& cancelled) {
    return report(front_end, cancelled.what(), graft::cli::kInterruptedCode);
  } catch (const graft::UsageError& error) {
    return report(front_end, graft::cli::with_flags(error.what()), 2);
  } catch (const std::bad_alloc&) {
    return report(front_end, "out of memory", 1);
  } catch (const std::system_error& error) {
    return report(front_end, fmt::format("the system refuses it: {}", error.what()), 1);
  } catch (const std::exception& error) {
    return report(front_end, graft::cli::with_flags(error.what()), 1);
  }
}
