#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/data_options.h"
#include "cli/export_output.h"
#include "cli/interrupt.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/threads_option.h"
#include "cli/upload.h"
#include "graft/base/error.h"
#include "graft/data/dataset.h"
#include "graft/engine/data_split.h"
#include "graft/engine/gguf_export.h"
#include "graft/engine/named_model.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/fuse_model.h"
#include "graft/training/evaluation.h"

namespace graft::cli {
namespace {

struct FuseCommand {
  std::string model = "mlx_model";
  std::string save_path = "lora_fused_model/";
  std::vector<std::string> adapters = {"adapters.npz"};
  std::optional<std::string> hf_path;
  std::optional<std::string> upload_name;
  bool de_quantize = false;
  std::optional<std::string> fused_bits;
  engine::DataOptions data{.names = {}};
  data::RenderOptions render;
  std::optional<std::string> check_text;
  bool export_gguf = false;
  std::string gguf_path = "ggml-model-f16.gguf";
  bool force = false;
  bool make_private = false;
};

// Where mlx-lm writes it: in the model's folder.
fs::path gguf_target(const FuseCommand& o) { return fs::path(o.save_path) / o.gguf_path; }

void check_gguf_path(const FuseCommand& o) {
  const fs::path path = o.gguf_path;
  if (path.is_absolute()) return engine::check_gguf_target(path, o.force);
  // Not one of the model's own files.
  if (path.filename() != path || path.extension() != ".gguf") {
    fail_usage("--gguf-path {}: give a name that ends in .gguf, in --save-path, or a whole path",
               o.gguf_path);
  }
}

// Of the base model with its adapter: what is rounded for the folder is not rounded here.
void export_gguf(const FuseCommand& o, const engine::LoadedModel& loaded,
                 const lora::AdapterFile& file, const io::Provenance& provenance,
                 FrontEnd& front_end) {
  engine::LoadedModel stored = engine::load_to_write(loaded.folder.path());
  engine::put_adapter(stored, file);
  const fs::path target = gguf_target(o);
  const gguf::ExportedFile written =
      engine::export_gguf(stored, provenance, target, gguf::file_type("f16"), "", front_end);
  if (!fs::path(o.gguf_path).is_absolute()) {
    std::vector<std::string> files = io::recorded_files(o.save_path);
    files.push_back(o.gguf_path);
    std::sort(files.begin(), files.end());
    provenance.write(o.save_path, files);  // the next fusing may replace it
  }
  print_exported(written, target);
}

void check(const FuseCommand& o) {
  if (o.make_private && !o.upload_name) fail_usage("--private goes with --upload-name");
  if (o.de_quantize && o.fused_bits && *o.fused_bits != "none") {
    fail_usage("--dequantize and --fused-bits {} contradict each other", *o.fused_bits);
  }
  if (o.adapters == std::vector<std::string>{"none"}) fail_usage("fusing needs an --adapter-file");
  if (o.export_gguf) check_gguf_path(o);
  check_data_options(o.data, o.render);
  if (!o.data.names.empty() && o.check_text) fail_usage("give --data or --check, not both");
}

lora::FuseOptions fuse_options(const FuseCommand& o) {
  lora::FuseOptions options;
  options.de_quantize = o.de_quantize;
  using Kind = lora::FusedFormat::Kind;
  if (o.de_quantize || o.fused_bits == "none") {
    options.adapted.kind = Kind::dense;
  } else if (o.fused_bits) {
    options.adapted = {Kind::quantized, std::stoi(*o.fused_bits)};
  }
  return options;
}

// What the losses are measured on: the test split, else the validation split, or a text; nothing if
// the user asked for no check.
std::optional<data::Dataset> check_set(const FuseCommand& o,
                                       const std::optional<engine::NamedData>& named,
                                       const engine::LoadedModel& loaded, FrontEnd& front_end) {
  if (o.check_text) {
    data::Dataset set{.name = "the text"};
    const data::Example text{.ids = loaded.tokenizer.encode(*o.check_text), .line = 1};
    if (text.ids.size() < 2) fail_usage("--check needs a text of at least 2 tokens");
    set.examples.push_back(text);
    return set;
  }
  if (!named) return {};
  const bool has_test = named->has("test");
  if (!has_test && !named->has("valid")) {
    fail(
        "--data: there is neither test.jsonl nor valid.jsonl in {}, nor another file of these "
        "splits",
        o.data.names.front());
  }
  return named->load(has_test ? "test" : "valid", loaded, o.render, front_end);
}

// The fused model's history: the base model's own, the adapter's and this fusing.
io::Provenance provenance(const FuseCommand& o, const engine::LoadedModel& loaded,
                          const lora::AdapterFile& file) {
  io::Provenance result = engine::provenance_of(loaded.folder.path());
  if (const auto origin = named_origin(o.hf_path)) result.origin = origin;
  result.add(file.provenance);
  std::string command = "graft fuse --model " + name_in_command(result.origin);
  if (o.fused_bits) command += " --fused-bits " + *o.fused_bits;
  if (o.de_quantize) command += " --dequantize";
  result.steps.push_back({.command = command, .version = GRAFT_VERSION, .finetunes = true});
  return result;
}

double loss_of(const models::Model& model, const data::Dataset& set) {
  return training::evaluate(model, data::EvaluationBatches(set, 4, -1)).loss;
}

// On the data set or text that was given, before and after.
struct Losses {
  double base, adapted;
};

void report_losses(const FuseCommand& o, const data::Dataset& set, const Losses& before) {
  const auto& [base, adapted] = before;
  const double fused = loss_of(*engine::load_folder(o.save_path).model, set);
  print_out("Loss on {}: base {:.3f}, adapted {:.3f}, fused {:.3f}\n", set.name, base, adapted,
            fused);
  double gained = base - adapted;
  if (gained > 0 && fused - adapted > 0.1 * gained) {
    print_out("Fusing lost {:.0f}% of what the adapter gained: --fused-bits 8 or none keeps more\n",
              100 * (fused - adapted) / gained);
  }
}

void run(const FuseCommand& o, const engine::Runtime& runtime) {
  check(o);
  std::optional<engine::NamedData> data;
  if (!o.data.names.empty()) {
    data = named_data(runtime, o.data, {"test", "valid"}, engine::Splits::first);
  }
  std::optional<PlannedUpload> upload;
  if (o.upload_name) upload.emplace(runtime.hub(), *o.upload_name, o.make_private);
  lora::FuseOptions options = fuse_options(o);
  // Everything that can fail is checked before the first loss, which may take long.
  lora::AdapterFile file = named_adapter(o.adapters);
  engine::LoadedModel loaded = load_named(runtime, o.model);
  lora::check_fits(*loaded.model, file);
  if (o.export_gguf) engine::check_gguf_export(loaded);
  const io::ModelTarget target{.path = o.save_path, .force = o.force};
  io::check_model_target(loaded.folder.path(), target);
  options.provenance = provenance(o, loaded, file);
  if (upload) upload->check(options.provenance, o.model);
  std::optional<data::Dataset> set = check_set(o, data, loaded, runtime.front_end());
  Losses losses{};
  if (set) losses.base = loss_of(*loaded.model, *set);
  lora::Adapters adapters = engine::put_adapter(loaded, file, runtime.front_end());
  if (set) losses.adapted = loss_of(*loaded.model, *set);  // fails, if it is not finite
  std::optional<InterruptGuard> guard(std::in_place);      // what is half written is removed
  const io::WrittenModel written = lora::fuse_model(loaded.folder, *loaded.model, adapters, target,
                                                    options, runtime.front_end());
  if (o.export_gguf) {
    export_gguf(o, loaded, file, options.provenance, runtime.front_end());
  }
  guard.reset();
  std::string what = fmt::format("{} layers", adapters.linears().size());
  if (!adapters.trained().empty()) {
    const std::string weights = fmt::format("{} trained weights", adapters.trained().size());
    what = adapters.linears().empty() ? weights : what + " and " + weights;
  }
  print_out("Fused {} of {} into {}: {} tensors, {:.1f} MB\n", what, o.model, o.save_path,
            written.tensors, static_cast<double>(written.bytes) / 1e6);
  if (set) report_losses(o, *set, losses);
  finish_output();
  if (upload) upload->run(o.save_path, options.provenance);
}

}  // namespace

void add_fuse_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<FuseCommand>();
  CLI::App* command = app.add_subcommand("fuse", "Merge an adapter into its model, as a new model");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("--model", o->model, "Folder of the model, or its name on the Hub");
  command->add_option("--save-path", o->save_path, "Folder to write");
  add_adapter_option(*command, o->adapters, "The adapter");
  command->add_flag("-d,--dequantize,--de-quantize", o->de_quantize, "Write all layers dense");
  command
      ->add_option("--fused-bits", o->fused_bits,
                   "What adapted layers become: 4, 8, or none for dense [as the model is]")
      ->check(CLI::IsMember({"4", "8", "none"}));
  add_data_options(*command, o->data);
  command->get_option("--data")->description(
      "Report the loss of base, adapted and fused model on the test split (else the "
      "validation split) of these data: a folder, or a data set of the Hub");
  add_render_options(*command, o->render);
  command->add_option("--check", o->check_text, "Report the same losses on this text");
  command->add_flag("--export-gguf", o->export_gguf,
                    "Write it as a GGUF file in F16, too (`graft export` has other types)");
  command->add_option("--gguf-path", o->gguf_path, "That file: a name in --save-path, or a path");
  command->add_flag("--force", o->force, "Replace --save-path even if it is not a model folder");
  add_threads_option(*command, runtime, "Threads that measure the losses");
  command->add_option("--upload-name,--upload-repo", o->upload_name,
                      "Upload it to the Hub: owner/name, or a name for mlx-community/name");
  command->add_option("--hf-path,--hf-repo", o->hf_path,
                      "The model of the Hub that --model comes from, for its card [what --model "
                      "remembers]");
  command->add_flag("--private", o->make_private, "Upload to a private repository");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime); });
}

}  // namespace graft::cli
