#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/export_output.h"
#include "cli/interrupt.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/threads_option.h"
#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/engine/gguf_export.h"
#include "graft/engine/modelfile.h"
#include "graft/engine/named_model.h"

namespace graft::cli {
namespace {

struct ExportCommand {
  std::string model = "mlx_model";
  std::string gguf;
  std::optional<std::string> type;
  std::vector<std::string> adapters;
  std::string name;
  std::optional<std::string> modelfile;
  bool force = false;
};

void run(const ExportCommand& o, const engine::Runtime& runtime) {
  FrontEnd& front_end = runtime.front_end();
  if (o.gguf.empty()) fail_usage("--gguf is missing: the file to write");
  engine::check_gguf_target(o.gguf, o.force);
  if (o.modelfile) engine::check_modelfile_target(*o.modelfile, o.gguf, o.force);
  std::optional<lora::AdapterFile> adapter;
  if (!o.adapters.empty() && o.adapters != std::vector<std::string>{"none"}) {
    adapter = named_adapter(runtime, o.adapters);
  }
  engine::LoadedModel loaded = engine::load_to_write(model_path(runtime, o.model));
  io::Provenance provenance = engine::provenance_of(loaded.folder.path());
  if (adapter) {
    provenance.add(adapter->provenance);
    provenance.steps.push_back(
        {.command = "graft export", .version = GRAFT_VERSION, .finetunes = true});
    engine::put_adapter(loaded, *adapter, front_end);
  }
  const gguf::FileType* type = o.type ? gguf::file_type(*o.type) : nullptr;
  std::string modelfile;
  if (o.modelfile) modelfile = engine::modelfile_text(loaded, o.gguf, *o.modelfile, front_end);
  std::optional<InterruptGuard> guard(std::in_place);  // what is half written is removed
  const gguf::ExportedFile file =
      engine::export_gguf(loaded, provenance, o.gguf, type, o.name, front_end);
  if (o.modelfile) write_text(*o.modelfile, modelfile);
  guard.reset();
  print_exported(file, o.gguf);
  if (o.modelfile) print_out("Wrote {}: ollama create NAME -f {}\n", *o.modelfile, *o.modelfile);
}

}  // namespace

void add_export_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<ExportCommand>();
  CLI::App* command = app.add_subcommand(
      "export", "Write a model, with its adapter, as a GGUF file for llama.cpp and Ollama");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("model,--model", o->model, "Folder of the model, or its name on the Hub");
  command->add_option("--gguf", o->gguf, "The file to write");
  command
      ->add_option("--type", o->type,
                   "What its matrices become [what they are; of quantized ones the type that holds "
                   "them exactly, or q8_0]")
      ->check(CLI::IsMember(gguf::file_type_names()));
  add_adapter_option(*command, o->adapters, "An adapter that is fused into it");
  command->add_option("--name", o->name, "What the file calls the model [by where it comes from]");
  command->add_option("--modelfile", o->modelfile, "Write a Modelfile of Ollama's, too: this one");
  command->add_flag("--force", o->force,
                    "Replace a file that is no GGUF, and a Modelfile that is not graft's");
  add_threads_option(*command, runtime, "Threads that quantize");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime); });
}

}  // namespace graft::cli
