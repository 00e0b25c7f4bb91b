#include "graft/convert/convert.h"

#include <system_error>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/convert/plan.h"
#include "graft/io/quantization_config.h"
#include "graft/io/tensor_info.h"

namespace graft::convert {
namespace {

void check_options(const ConvertOptions& options) {
  if (options.quantize && options.dequantize) {
    fail_usage("give either `quantize` or `dequantize`: to quantize again, convert twice");
  }
  if (!io::is_quantization_bits(options.q_bits)) {
    fail_usage("`q_bits` is {}, but MLX quantizes to 2, 3, 4, 5, 6 or 8 bits", options.q_bits);
  }
  if (!io::is_quantization_group(options.q_group_size)) {
    fail_usage("`q_group_size` is {}, but MLX has groups of 32, 64 or 128", options.q_group_size);
  }
  if (options.dtype && !io::dtype_from_name(*options.dtype)) {
    fail_usage("`dtype` is {}, expected float16, bfloat16 or float32", *options.dtype);
  }
}

bool is_gguf(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  if (path.extension() == ".gguf") return true;
  return MappedFile(path).text().starts_with("GGUF");
}

}  // namespace

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
