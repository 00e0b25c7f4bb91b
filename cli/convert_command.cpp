#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/named_model.h"
#include "cli/threads_option.h"
#include "graft/base/error.h"
#include "graft/convert/convert.h"

namespace graft::cli {
namespace {

struct ConvertCommand {
  ConvertOptions convert;
  std::optional<std::string> upload_name;
};

void run(const ConvertCommand& command) {
  if (command.upload_name) {
    fail_usage(
        "--upload-name is not supported yet: convert without it, then upload {} yourself (hf "
        "upload OWNER/NAME {})",
        command.convert.mlx_path.string(), command.convert.mlx_path.string());
  }
  ConvertOptions options = command.convert;
  options.hf_path = named_model(options.hf_path.string());
  ConvertReport report = convert(options);
  fmt::print("Wrote {}: {} tensors, {:.1f} MB, {:.3f} bits a weight\n",
             command.convert.mlx_path.string(), report.tensors,
             static_cast<double>(report.bytes) / 1e6, report.bits_per_weight);
}

}  // namespace

void add_convert_command(CLI::App& app) {
  auto command = std::make_shared<ConvertCommand>();
  ConvertOptions& options = command->convert;
  CLI::App* sub = app.add_subcommand(
      "convert", "Make an MLX model folder from a checkpoint folder or a GGUF file");
  sub->option_defaults()->always_capture_default()->take_last();
  sub->add_option(
         "--hf-path,--model", options.hf_path,
         "A checkpoint on the Hub (owner/name, owner/name@revision), a folder, or a .gguf file")
      ->required();
  sub->add_option("--mlx-path", options.mlx_path, "The folder to write");
  CLI::Option* quantize =
      sub->add_flag("-q,--quantize", options.quantize, "Quantize embeddings, projections and head");
  sub->add_option("--q-bits", options.q_bits, "Bits of a quantized weight: 2, 3, 4, 5, 6 or 8")
      ->needs(quantize);
  sub->add_option("--q-group-size", options.q_group_size,
                  "Weights that share a scale: 32, 64 or 128")
      ->needs(quantize);
  sub->add_option("--dtype", options.dtype,
                  "Type of what is not quantized: float16, bfloat16 or float32 (else the "
                  "checkpoint's own)");
  sub->add_flag("-d,--dequantize", options.dequantize, "Turn quantized layers into plain ones");
  sub->add_flag("--force", options.force, "Replace --mlx-path even if it is not a model folder");
  add_threads_option(*sub, "Threads that quantize");
  sub->add_option("--upload-name", command->upload_name, "Not supported yet");
  sub->callback([command] { run(*command); });
}

}  // namespace graft::cli
