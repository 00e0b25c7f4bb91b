#include "graft/convert/convert.h"

#include <system_error>

#include "graft/base/error.h"
#include "graft/convert/plan.h"
#include "graft/io/quantization_config.h"
#include "graft/io/tensor_info.h"

namespace graft {
namespace {

void check_options(const ConvertOptions& options) {
  if (options.quantize && options.dequantize) {
    fail_usage("give either `quantize` or `dequantize`: to quantize again, convert twice");
  }
  if (!is_quantization_bits(options.q_bits)) {
    fail_usage("`q_bits` is {}, but MLX quantizes to 2, 3, 4, 5, 6 or 8 bits", options.q_bits);
  }
  if (!is_quantization_group(options.q_group_size)) {
    fail_usage("`q_group_size` is {}, but MLX has groups of 32, 64 or 128", options.q_group_size);
  }
  if (options.dtype && !dtype_from_name(*options.dtype)) {
    fail_usage("`dtype` is {}, expected float16, bfloat16 or float32", *options.dtype);
  }
}

// The output replaces its folder, so the source must not lie in it.
void check_apart(const fs::path& source, const fs::path& target) {
  if (!lies_within(source, target)) return;
  fail_usage("{} would replace the model that it is made from: give another `mlx_path`",
             target.string());
}

bool is_gguf(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  if (path.extension() == ".gguf") return true;
  return MappedFile(path).text().starts_with("GGUF");
}

}  // namespace

ConvertReport convert(const ConvertOptions& options,
                      const std::function<void(std::string_view)>& say) {
  check_options(options);
  ConversionPlan plan = is_gguf(options.hf_path) ? plan_gguf(options) : plan_folder(options);
  check_apart(options.hf_path, options.mlx_path);
  AtomicFolder target(options.mlx_path, [&](const fs::path& earlier) {
    return options.force || looks_like_model_folder(earlier);
  });
  ConvertReport report;
  for (const std::string& line : plan.lines) {
    say(line);
    report.lines.push_back(line);
  }
  WrittenModel written =
      write_model_tensors(target.path(), std::move(plan.jobs), options.max_shard_bytes);
  write_model_config(target.path() / "config.json", std::move(plan.config));
  for (const fs::path& file : plan.copies) copy_file_into(file, target.path());
  for (const auto& [name, text] : plan.texts) write_text(target.path() / name, text);
  options.provenance.write(target.path());
  target.commit();
  report.tensors = written.tensors;
  report.bytes = written.bytes;
  report.parameters = written.parameters;
  report.bits_per_weight =
      8.0 * static_cast<double>(written.bytes) / static_cast<double>(written.parameters);
  report.files = written.files;
  return report;
}

}  // namespace graft
