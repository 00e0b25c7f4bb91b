#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "graft/base/error.h"
#include "graft/convert/gguf_blocks.h"
#include "graft/convert/gguf_model.h"
#include "graft/convert/gguf_tokenizer_files.h"
#include "graft/convert/layers.h"
#include "graft/convert/plan.h"
#include "graft/convert/quantizer.h"
#include "graft/io/mapped_array.h"
#include "graft/models/config_defaults.h"

namespace graft::convert {
namespace {

mx::Dtype stored_dtype(io::GgufTensorType type) {
  switch (type) {
    case io::GgufTensorType::f32:
      return mx::float32;
    case io::GgufTensorType::bf16:
      return mx::bfloat16;
    default:
      return mx::float16;  // blocks too, where they are decoded
  }
}

class GgufPlanner {
 public:
  GgufPlanner(const ConvertOptions& options, FrontEnd& front_end)
      : options_(options),
        front_end_(front_end),
        file_(std::make_shared<const io::GgufFile>(options.hf_path)) {
    if (options.dtype) dtype_ = io::dtype_from_name(*options.dtype);
  }

  ConversionPlan plan() {
    GgufModel model = read_gguf_model(*file_);
    std::vector<GgufName> names = name_gguf_tensors(*file_, model);
    plan_.config = gguf_config(*file_, model);
    plan_.texts = gguf_tokenizer_files(*file_, front_end_);
    plan_.texts["generation_config.json"] = io::python_json(gguf_generation_config(*file_));
    choose_dtype(names);
    if (options_.quantize) {
      std::vector<std::string> tensors;
      for (const GgufName& name : names) tensors.push_back(name.checkpoint);
      quantizer_.emplace(options_, json(plan_.config), tensors);
    }
    for (const GgufName& name : names) plan_tensor(name);
    say_what_is_decoded(names);
    finish_config();
    models::complete_config(plan_.config, file_->has("output.weight"));
    return std::move(plan_);
  }

 private:
  // Whether the layer stays quantized, as the file has it.
  bool keeps_blocks(const GgufName& name) const {
    return !options_.dequantize && is_exact_in_mlx(file_->tensor(name.gguf).type);
  }

  void choose_dtype(const std::vector<GgufName>& names) {
    bool blocks = false;
    for (const GgufName& name : names) blocks = blocks || keeps_blocks(name);
    if (blocks && options_.quantize) {
      fail_usage(
          "{} is quantized already, and stays so without `quantize`: to quantize it again, "
          "convert it with `dequantize` first",
          options_.hf_path.string());
    }
    mx::Dtype embedding = stored_dtype(file_->tensor("token_embd.weight").type);
    mx::Dtype config = dtype_.value_or(blocks ? mx::float16 : embedding);
    if (options_.dequantize && !dtype_) {
      dtype_ = config = mx::float16;
      plan_.notes.push_back("Dequantizing to float16 (`dtype` chooses another type)");
    }
    if (blocks && dtype_) {
      plan_.notes.push_back(
          fmt::format("Quantized layers keep their float16 scales, the others become {}: with "
                      "`dequantize` all do",
                      io::dtype_name(*dtype_)));
    }
    plan_.config["torch_dtype"] = io::dtype_name(config);
  }

  void plan_tensor(const GgufName& name) {
    const io::GgufTensor& tensor = file_->tensor(name.gguf);
    auto release = [file = file_, offset = tensor.offset, bytes = tensor.bytes] {
      io::release_pages(*file->file(), offset, bytes);
    };
    if (keeps_blocks(name)) {
      plan_.jobs.push_back(block_job(name, tensor, release));
      return;
    }
    PlainTensor plain{.name = name.checkpoint,
                      .shape = tensor.shape,
                      .dtype = dtype_.value_or(stored_dtype(tensor.type)),
                      .load =
                          [file = file_, name] {
                            mx::array stored = plain_from_gguf(*file, name.gguf, name.order);
                            if (name.offset == 0) return stored;
                            return mx::subtract(mx::astype(stored, mx::float32),
                                                mx::array(static_cast<float>(name.offset)));
                          },
                      .release = release};
    plan_.jobs.push_back(quantizer_ ? quantizer_->job(plain, plan_.notes) : plain_job(plain));
  }

  void say_what_is_decoded(const std::vector<GgufName>& names) {
    if (options_.dequantize) return;
    std::set<std::string> types;
    size_t count = 0;
    for (const GgufName& name : names) {
      const io::GgufTensorType type = file_->tensor(name.gguf).type;
      if (io::block_of(type).elements == 1 || is_exact_in_mlx(type)) continue;
      types.insert(io::gguf_type_name(type));
      ++count;
    }
    if (count == 0) return;
    plan_.notes.push_back(fmt::format(
        "{} of {} tensors are {}, which MLX's format cannot hold exactly: they become {}{}", count,
        names.size(), fmt::join(types, " or "), io::dtype_name(dtype_.value_or(mx::float16)),
        options_.quantize ? ", and are quantized again" : " (`quantize` quantizes again)"));
  }

  io::TensorJob block_job(const GgufName& name, const io::GgufTensor& tensor,
                          std::function<void()> release) {
    std::string path = name.checkpoint.substr(0, name.checkpoint.rfind('.'));
    io::LayerQuantization setting = quantization_of(tensor.type);
    io::TensorJob job{
        .outputs = quantized_declarations(path, tensor.shape, mx::float16, setting),
        .make = [file = file_,
                 name] { return quantized_from_blocks(*file, name.gguf, name.order); },
        .release = std::move(release),
        .parameters = elements_of(tensor.shape)};
    layers_[path] = setting;
    weights_of_bits_[setting.bits] += job.parameters;
    return job;
  }

  // The model's setting is what most weights have; layers that differ are listed.
  void finish_config() {
    if (quantizer_) plan_.config["quantization"] = quantizer_->config();
    if (layers_.empty()) return;
    io::QuantizationConfig quantization;
    quantization.standard = layers_.begin()->second;
    quantization.standard.bits =
        std::max_element(weights_of_bits_.begin(), weights_of_bits_.end(), [](auto& a, auto& b) {
          return a.second < b.second;
        })->first;
    for (const auto& [path, setting] : layers_) {
      if (setting != quantization.standard) quantization.layers[path] = setting;
    }
    plan_.config["quantization"] = quantization.to_json();
  }

  const ConvertOptions& options_;
  FrontEnd& front_end_;
  std::shared_ptr<const io::GgufFile> file_;
  ConversionPlan plan_;
  std::optional<Quantizer> quantizer_;                   // of `quantize`
  std::optional<mx::Dtype> dtype_;                       // for what is not quantized
  std::map<std::string, io::LayerQuantization> layers_;  // that stay quantized
  std::map<int, uint64_t> weights_of_bits_;
};

}  // namespace

ConversionPlan plan_gguf(const ConvertOptions& options, FrontEnd& front_end) {
  return GgufPlanner(options, front_end).plan();
}

}  // namespace graft::convert
