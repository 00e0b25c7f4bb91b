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
#include "cli/repair_options.h"
#include "cli/threads_option.h"
#include "cli/upload.h"
#include "graft/base/error.h"
#include "graft/calibration/repair.h"
#include "graft/data/dataset.h"
#include "graft/engine/fuse_texts.h"
#include "graft/engine/gguf_export.h"
#include "graft/engine/named_model.h"
#include "graft/engine/remainder.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/fuse_model.h"

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
  RepairFlags repair;
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

// The model that becomes GGUF: of its own, since what is rounded for the folder is not rounded here
// and numbers keep the type that they are stored in. Throws Error if llama.cpp cannot run it.
engine::LoadedModel model_to_export(const fs::path& folder, const lora::AdapterFile& file) {
  engine::LoadedModel stored = engine::load_to_write(folder);
  engine::put_adapter(stored, file);  // its head may be one of its own then
  engine::check_gguf_export(stored);
  return stored;
}

void export_gguf(const FuseCommand& o, engine::LoadedModel stored, const io::Provenance& provenance,
                 FrontEnd& front_end) {
  const fs::path target = gguf_target(o);
  const gguf::ExportedFile written =
      engine::export_gguf(stored, provenance, target, gguf::file_type("f16"), "", front_end);
  if (!fs::path(o.gguf_path).is_absolute()) {
    engine::record_file(o.save_path, o.gguf_path, provenance);  // the next fusing may replace it
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
  if (o.repair.any()) static_cast<void>(o.repair.options());
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

// The data that are named, if any are: what is measured, and what is learned from where the model
// is repaired.
std::optional<engine::NamedData> named_texts(const FuseCommand& o, bool repairs,
                                             const engine::Runtime& runtime) {
  if (o.data.names.empty()) return {};
  if (!repairs) return named_data(runtime, o.data, {"test", "valid"}, engine::Splits::first);
  return named_data(runtime, o.data, {"test", "valid", "train"});
}

// Nothing if there is nothing to measure on.
std::optional<engine::FuseTexts> texts(const FuseCommand& o,
                                       const std::optional<engine::NamedData>& named,
                                       const engine::LoadedModel& loaded, bool repairs,
                                       FrontEnd& front_end) {
  const std::optional<data::Dataset> measured = check_set(o, named, loaded, front_end);
  if (!measured) return {};
  std::optional<data::Dataset> calibration;
  if (named && repairs && named->has("train") && named->trained_and_tested().empty()) {
    calibration = named->load("train", loaded, o.render, front_end);
  }
  return engine::fuse_texts(*loaded.model, *measured, calibration, repairs);
}

// The same of the data that the adapter was trained on, if they are here: what nobody asked for is
// no reason to fail.
std::optional<engine::FuseTexts> texts_of_training(const FuseCommand& o,
                                                   const engine::Runtime& runtime,
                                                   const engine::LoadedModel& loaded) {
  std::string why = "--data names texts for it";
  try {
    const auto data =
        o.adapters.size() == 1 ? engine::data_of_training(o.adapters.front()) : std::nullopt;
    if (data) {
      FuseCommand with = o;
      with.data = data->data;
      with.render = data->render;
      return texts(with, named_texts(with, true, runtime), loaded, true, runtime.front_end());
    }
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    why = error.what();
  }
  runtime.front_end().note("what rounding to few bits loses is not measured: {}", why);
  return {};
}

struct Losses {
  double base = 0, adapted = 0;
};

// Gives the layers their fused weights, as good as the flags ask for; returns what is left.
engine::Remainder fuse_in_place(const FuseCommand& o, const engine::FuseTexts& texts,
                                Losses& losses, engine::LoadedModel& loaded,
                                const lora::Adapters& adapters, lora::FuseOptions& options,
                                FrontEnd& front_end) {
  lora::FusedFormat format = options.adapted;
  format.dense_dtype = io::config_dtype(loaded.folder.config()).value_or(loaded.model->dtype());
  calibration::FusedLayers layers(*loaded.model, adapters, format);
  const calibration::RepairReport report = calibration::fuse_and_repair(
      *loaded.model, layers, texts.batches, losses.base, o.repair.options(), front_end);
  losses.adapted = report.adapted.loss;
  front_end.progress({});
  print_repair(report, texts.name);
  if (!report.within) fail_repair(report, o.repair);
  options.layers_are_fused = true;
  options.provenance.steps.back().facts.emplace_back("fused", report.steps.back().what);
  return engine::take_remainder(adapters);
}

void report_losses(const FuseCommand& o, const engine::FuseTexts& texts, const Losses& before,
                   const models::Model& fused, const FrontEnd& front_end) {
  const auto& [base, adapted] = before;
  const double loss = calibration::mean_loss(fused, texts.batches.measured, front_end);
  print_out("Loss on {}: base {:.3f}, adapted {:.3f}, fused {:.3f}\n", texts.name, base, adapted,
            loss);
  const double gained = base - adapted;
  if (!o.repair.any() && gained > 0 && loss - adapted > 0.1 * gained) {
    print_out("Fusing lost {:.0f}% of what the adapter gained: --max-loss-gap keeps it\n",
              100 * (loss - adapted) / gained);
  }
}

// Whether fusing rounds any of the layers to few bits.
bool rounds(models::Model& model, const lora::AdapterFile& file, const lora::FuseOptions& options) {
  const std::vector<models::LinearPart> linears = models::adaptable_of(model.parts());
  return std::any_of(linears.begin(), linears.end(), [&](const models::LinearPart& linear) {
    return file.tensors.count(linear.path() + ".lora_a") > 0 &&
           lora::fused_quantization(linear.weight(), options.adapted).has_value();
  });
}

// `left`: layers that keep their adapters.
std::string what_is_fused(const lora::Adapters& adapters, size_t left) {
  const std::string layers = fmt::format("{} layers", adapters.linears().size() - left);
  if (adapters.trained().empty()) return layers;
  const std::string weights = fmt::format("{} trained weights", adapters.trained().size());
  return adapters.linears().empty() ? weights : layers + " and " + weights;
}

void run(const FuseCommand& o, const engine::Runtime& runtime) {
  check(o);
  FrontEnd& front_end = runtime.front_end();
  std::optional<engine::NamedData> named = named_texts(o, false, runtime);
  std::optional<PlannedUpload> upload;
  if (o.upload_name) upload.emplace(runtime.hub(), *o.upload_name, o.make_private);
  lora::FuseOptions options = fuse_options(o);
  // Everything that can fail is checked before the first loss, which may take long.
  lora::AdapterFile file = named_adapter(runtime, o.adapters);
  engine::LoadedModel loaded = load_named(runtime, o.model);
  lora::check_fits(*loaded.model, file);
  if (o.export_gguf) static_cast<void>(model_to_export(loaded.folder.path(), file));
  const io::ModelTarget target{.path = o.save_path, .force = o.force};
  io::check_model_target(loaded.folder.path(), target);
  options.provenance = provenance(o, loaded, file);
  if (upload) upload->check(options.provenance, o.model);
  const bool repairs = o.repair.any() && rounds(*loaded.model, file, options);
  if (repairs) named = named_texts(o, true, runtime);
  std::optional<engine::FuseTexts> measured = texts(o, named, loaded, repairs, front_end);
  if (!measured && repairs) measured = texts_of_training(o, runtime, loaded);
  Losses losses;
  const auto loss_now = [&] {
    return calibration::mean_loss(*loaded.model, measured->batches.measured, front_end);
  };
  if (measured) losses.base = loss_now();
  lora::Adapters adapters = engine::put_adapter(loaded, file, front_end);
  engine::Remainder left;
  if (repairs && measured) {
    left = fuse_in_place(o, *measured, losses, loaded, adapters, options, front_end);
  } else if (measured) {  // fails, if it is not finite
    losses.adapted = loss_now();
  }
  if (!left.adapters.empty()) {
    options.add = [&](const fs::path& folder) {
      engine::write_remainder(left, *loaded.model, folder, options.provenance);
    };
  }
  std::optional<InterruptGuard> guard(std::in_place);  // what is half written is removed
  const io::WrittenModel written =
      lora::fuse_model(loaded.folder, *loaded.model, adapters, target, options, front_end);
  if (!left.adapters.empty()) {
    print_out("{} layers keep their adapters, in {}: give it as --adapter-file with the model\n",
              left.adapters.size(), engine::remainder_file(o.save_path).string());
  }
  if (o.export_gguf) {
    loaded.model.reset();  // one model at a time
    export_gguf(o, model_to_export(loaded.folder.path(), file), options.provenance, front_end);
  }
  guard.reset();
  print_out("Fused {} of {} into {}: {} tensors, {:.1f} MB\n",
            what_is_fused(adapters, left.adapters.size()), o.model, o.save_path, written.tensors,
            static_cast<double>(written.bytes) / 1e6);
  if (measured) {
    engine::LoadedModel fused = engine::load_folder(o.save_path);
    if (!left.adapters.empty()) {
      engine::put_adapter(fused, lora::read_adapter_file(engine::remainder_file(o.save_path)));
    }
    report_losses(o, *measured, losses, *fused.model, front_end);
  }
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
  add_repair_options(*command, o->repair);
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
