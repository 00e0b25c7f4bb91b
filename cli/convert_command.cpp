#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/threads_option.h"
#include "cli/upload.h"
#include "graft/base/error.h"
#include "graft/convert/convert.h"
#include "graft/engine/calibrated_convert.h"
#include "graft/engine/named_model.h"

namespace graft::cli {
namespace {

struct ConvertCommand {
  convert::ConvertOptions convert;
  std::optional<std::string> model, hf_path;
  std::optional<std::string> upload_name;
  engine::DataOptions calibrate{.names = {}};
  bool make_private = false;
};

// The command as others would type it.
std::string command_text(const convert::ConvertOptions& o,
                         const std::optional<io::Origin>& origin) {
  std::string text = "graft convert --hf-path " + io::name_in_command(origin);
  if (o.quantize) text += " -q";
  if (o.quantize && o.q_mode != name_of(QuantizationMode::affine)) {
    text += " --q-mode " + o.q_mode;
  } else if (o.quantize) {
    const auto setting = convert::standard_setting(o);
    if (o.quant_predicate) text += " --quant-predicate " + *o.quant_predicate;
    // A recipe says the bits of every layer; as in mlx-lm they are the config's all the same.
    if (!o.quant_predicate || o.q_bits) text += fmt::format(" --q-bits {}", setting.bits);
    text += fmt::format(" --q-group-size {}", setting.group_size);
  }
  if (o.dequantize) text += " --dequantize";
  if (o.dtype) text += " --dtype " + *o.dtype;
  if (!o.rounded.empty()) text += " --calibrate DATA";
  return text;
}

void run(const ConvertCommand& command, const engine::Runtime& runtime) {
  if (!command.model && !command.hf_path) {
    fail_usage(
        "--hf-path is missing: a checkpoint on the Hub (owner/name), a folder or a GGUF file");
  }
  if (command.make_private && !command.upload_name) fail_usage("--private goes with --upload-name");
  std::optional<PlannedUpload> upload;
  if (command.upload_name)
    upload.emplace(runtime.hub(), *command.upload_name, command.make_private);

  // With --model, --hf-path only says where that comes from.
  const std::string source = command.model ? *command.model : *command.hf_path;
  const auto origin = command.model ? named_origin(command.hf_path) : std::nullopt;
  convert::ConvertOptions options = command.convert;
  options.hf_path = model_path(runtime, source);
  options.provenance = engine::provenance_of(options.hf_path);
  if (origin) options.provenance.origin = origin;
  if (upload) {
    upload->check(options.provenance, source,
                  fmt::format("give --model {} --hf-path owner/name", source));
  }
  if (!command.calibrate.names.empty()) {
    options.rounded = engine::calibrated_weights(
        options,
        named_data(runtime, command.calibrate, {"train", "valid", "test"}, engine::Splits::first),
        runtime.front_end());
  }
  options.provenance.steps.push_back(
      {command_text(options, options.provenance.origin), GRAFT_VERSION});
  std::optional<InterruptGuard> guard(std::in_place);  // what is half written is removed
  const convert::ConvertReport report = convert::convert(options, runtime.front_end());
  guard.reset();
  print_out("Wrote {}: {} tensors, {:.1f} MB, {:.3f} bits a weight\n",
            command.convert.mlx_path.string(), report.tensors,
            static_cast<double>(report.bytes) / 1e6, report.bits_per_weight);
  if (!upload) return;
  finish_output();
  upload->run(options.mlx_path, options.provenance);
}

}  // namespace

void add_convert_command(CLI::App& app, engine::Runtime& runtime) {
  auto command = std::make_shared<ConvertCommand>();
  convert::ConvertOptions& options = command->convert;
  CLI::App* sub = app.add_subcommand(
      "convert", "Make an MLX model folder from a checkpoint folder or a GGUF file");
  sub->option_defaults()->always_capture_default()->take_last();
  sub->add_option(
      "--hf-path", command->hf_path,
      "A checkpoint on the Hub (owner/name, owner/name@revision), a folder, or a .gguf file");
  sub->add_option("--model", command->model,
                  "The same; --hf-path beside it only names the model that it comes from");
  sub->add_option("--mlx-path", options.mlx_path, "The folder to write");
  CLI::Option* quantize =
      sub->add_flag("-q,--quantize", options.quantize, "Quantize embeddings, projections and head");
  sub->add_option("--q-mode", options.q_mode,
                  "Form of quantized weights: affine (integers), or mxfp4, mxfp8 or nvfp4 (numbers "
                  "of 4 or 8 bits)")
      ->needs(quantize);
  sub->add_option("--q-bits", options.q_bits,
                  "Bits of a quantized weight: of affine 2, 3, 4, 5, 6 or 8 [the mode's: 4; mxfp8: "
                  "8]")
      ->needs(quantize);
  sub->add_option("--q-group-size", options.q_group_size,
                  "Weights that share a scale: of affine 32, 64 or 128 [the mode's: 64; mxfp4, "
                  "mxfp8: 32; nvfp4: 16]")
      ->needs(quantize);
  sub->add_option("--quant-predicate", options.quant_predicate,
                  "More bits for what matters more: mixed_2_6, mixed_3_4, mixed_3_6 or mixed_4_6")
      ->needs(quantize);
  sub->add_option("--calibrate", command->calibrate.names,
                  "Round for what the layers read of these texts, rather than to the nearest: a "
                  "file, a folder with train.jsonl, or a data set of the Hub")
      ->needs(quantize);
  sub->add_option("--dtype", options.dtype,
                  "Type of what is not quantized: float16, bfloat16 or float32 (else the "
                  "checkpoint's own)");
  sub->add_flag("-d,--dequantize,--de-quantize", options.dequantize,
                "Turn quantized layers into plain ones");
  sub->add_flag("--force", options.force, "Replace --mlx-path even if it is not a model folder");
  add_threads_option(*sub, runtime, "Threads that quantize");
  sub->add_option("--upload-name,--upload-repo", command->upload_name,
                  "Upload it to the Hub: owner/name, or a name for mlx-community/name");
  sub->add_flag("--private", command->make_private, "As a private repository");
  on_run(*sub, runtime, [command, &runtime] { run(*command, runtime); });
}

}  // namespace graft::cli
