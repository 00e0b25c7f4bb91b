#include "graft/convert/quantizer.h"

#include <fmt/format.h>

#include "graft/base/error.h"

namespace graft::convert {
namespace {

constexpr io::LayerQuantization kEightBits{.group_size = 64, .bits = 8};

// Whether MLX quantizes such a tensor, apart from its size.
bool is_matrix(const PlainTensor& tensor) {
  const bool stack =
      tensor.shape.size() == 3 && tensor.name.find(".switch_mlp.") != std::string::npos;
  return (tensor.shape.size() == 2 || stack) && tensor.name.ends_with(".weight") &&
         mx::issubdtype(tensor.dtype, mx::floating);
}

// MLX packs at least 32 numbers at a time, over the ends of rows.
constexpr uint64_t kPackedTogether = 32;

}  // namespace

Quantizer::Quantizer(const ConvertOptions& options, const json& config,
                     const std::vector<std::string>& tensors)
    : traits_(models::traits_of(config)),
      rounded_(options.rounded),
      standard_(standard_setting(options)) {
  if (options.quant_predicate) recipe_.emplace(*options.quant_predicate, tensors);
}

std::optional<io::LayerQuantization> Quantizer::own_setting(const std::string& path,
                                                            int width) const {
  if (recipe_) {
    return io::LayerQuantization{.group_size = standard_.group_size,
                                 .bits = recipe_->bits_of(path)};
  }
  if (traits_.wants_eight_bits(path) && width % kEightBits.group_size == 0) {
    return kEightBits;
  }
  return std::nullopt;
}

io::TensorJob Quantizer::job(const PlainTensor& tensor, std::vector<std::string>& lines) {
  if (!is_matrix(tensor)) return plain_job(tensor);
  const int width = tensor.shape.back();
  if (width <= 0 || width % standard_.group_size != 0) {
    lines.push_back(
        fmt::format("{} is not quantized: its width {} does not divide into groups of {}",
                    io::in_quotes(tensor.name), width, standard_.group_size));
    return plain_job(tensor);
  }
  if (elements_of(tensor.shape) % kPackedTogether != 0) {
    lines.push_back(fmt::format("{} is not quantized: its {} numbers do not divide into {}s",
                                io::in_quotes(tensor.name), elements_of(tensor.shape),
                                kPackedTogether));
    return plain_job(tensor);
  }
  const std::string path = tensor.name.substr(0, tensor.name.rfind('.'));
  const auto own = own_setting(path, width);
  if (own) own_[path] = own;
  const auto given = rounded_.extract(path);
  return quantized_job(tensor, own.value_or(standard_),
                       given.empty() ? std::nullopt : std::optional(given.mapped()));
}

ordered_json Quantizer::config() const {
  if (!rounded_.empty()) {
    fail("internal: {} was rounded, but is no layer that is quantized", rounded_.begin()->first);
  }
  return io::QuantizationConfig{.standard = standard_, .layers = own_}.to_json();
}

}  // namespace graft::convert
