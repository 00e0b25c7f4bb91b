#include <CLI/CLI.hpp>
#include <memory>

#include "cli/activations_option.h"
#include "cli/commands.h"
#include "cli/given_options.h"
#include "cli/lora_options.h"
#include "cli/lora_run.h"
#include "cli/threads_option.h"
#include "graft/base/threads.h"

namespace graft::cli {

void add_lora_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<LoraOptions>();
  CLI::App* command = app.add_subcommand(
      "lora", "Fine-tune a model with LoRA or QLoRA, measure its perplexity, try a prompt");
  add_lora_options(*command, *o);
  add_threads_option(*command, runtime, "Threads of the CPU kernels");
  add_activations_option(*command, runtime);
  on_run(*command, runtime, [o, command, &runtime] {
    o->repeated = given_options(*command, {"--find-lr", "--learning-rate", "--train"});
    complete_lora_options(*command, *o, runtime.front_end());
    const engine::Use use(runtime);  // with what a configuration says
    if (const int code = run_lora(*o, runtime); code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace graft::cli
