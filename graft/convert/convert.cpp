#include "graft/convert/convert.h"

#include <system_error>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/base/quantization_mode.h"
#include "graft/convert/bit_recipe.h"
#include "graft/convert/plan.h"
#include "graft/io/tensor_info.h"

namespace graft::convert {
namespace {

void check_options(const ConvertOptions& options) {
  if (options.quantize && options.dequantize) {
    fail_usage("give either `quantize` or `dequantize`: to quantize again, convert twice");
  }
  const io::LayerQuantization setting = standard_setting(options);
  if (options.quant_predicate) {
    if (!BitRecipe::is_name(*options.quant_predicate)) {
      fail_usage("`quant_predicate` is {}, expected {}", *options.quant_predicate,
                 BitRecipe::names());
    }
    if (setting.mode != QuantizationMode::affine) {
      fail_usage("`quant_predicate` chooses bits of mode affine, but `q_mode` is {}",
                 options.q_mode);
    }
  }
  if (options.dtype && !io::dtype_from_name(*options.dtype)) {
    fail_usage("`dtype` is {}, expected float16, bfloat16 or float32", *options.dtype);
  }
}

bool is_gguf(const fs::path& path) {
  if (!is_file(path)) return false;
  if (path.extension() == ".gguf") return true;
  return MappedFile(path).text().starts_with("GGUF");
}

}  // namespace

io::LayerQuantization standard_setting(const ConvertOptions& options) {
  const auto mode = quantization_mode(options.q_mode);
  if (!mode) {
    fail_usage("`q_mode` is {}, expected {}", options.q_mode, quantization_mode_names());
  }
  const io::LayerQuantization setting{
      .group_size = options.q_group_size.value_or(default_group_size(*mode)),
      .bits = options.q_bits.value_or(default_bits(*mode)),
      .mode = *mode};
  if (!has_bits(*mode, setting.bits)) {
    fail_usage("`q_bits` is {}, but mode {} has {}", setting.bits, options.q_mode,
               bits_text(*mode));
  }
  if (!has_group_size(*mode, setting.group_size)) {
    fail_usage("`q_group_size` is {}, but mode {} has groups of {}", setting.group_size,
               options.q_mode, group_sizes_text(*mode));
  }
  return setting;
}

std::map<std::string, PlannedLayer> planned_layers(const ConvertOptions& options) {
  check_options(options);
  if (is_gguf(options.hf_path)) {
    fail_usage(
        "`calibrate` is for checkpoint folders: convert {} without `quantize` first, then that "
        "folder with both",
        options.hf_path.string());
  }
  const ConversionPlan plan = plan_folder(options);
  const auto quantization = io::QuantizationConfig::from_config(json(plan.config), "the plan");
  std::map<std::string, PlannedLayer> layers;
  for (const io::TensorJob& job : plan.jobs) {
    for (const io::TensorDeclaration& output : job.outputs) {
      constexpr std::string_view kScales = ".scales";
      if (!output.name.ends_with(kScales)) continue;
      const std::string path = output.name.substr(0, output.name.size() - kScales.size());
      layers.insert({path, {quantization->lookup(path).value(), output.dtype}});
    }
  }
  return layers;
}

ConvertReport convert(const ConvertOptions& options, FrontEnd& front_end) {
  check_options(options);
  ConversionPlan plan =
      is_gguf(options.hf_path) ? plan_gguf(options, front_end) : plan_folder(options);
  const io::ModelTarget target{.path = options.mlx_path,
                               .force = options.force,
                               .option = "mlx_path",
                               .max_shard_bytes = options.max_shard_bytes};
  io::check_model_target(options.hf_path, target);
  ConvertReport report;
  report.lines = plan.notes;
  plan.provenance = options.provenance;
  io::WrittenModel written = io::write_model_folder(std::move(plan), target, front_end);
  report.tensors = written.tensors;
  report.bytes = written.bytes;
  report.parameters = written.parameters;
  report.bits_per_weight =
      8.0 * static_cast<double>(written.bytes) / static_cast<double>(written.parameters);
  report.files = written.files;
  return report;
}

}  // namespace graft::convert
