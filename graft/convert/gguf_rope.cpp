#include "graft/convert/gguf_rope.h"

#include <algorithm>
#include <cmath>

#include "graft/base/error.h"
#include "graft/convert/gguf_blocks.h"
#include "graft/nn/rope.h"

namespace graft::convert {
namespace {

// The file only holds the results; every Llama 3 model has used these constants to get them.
constexpr double kLowFrequencyFactor = 1;
constexpr double kHighFrequencyFactor = 4;
constexpr int64_t kOriginalLength = 8192;
constexpr double kTolerance = 1e-3;  // the divisors were computed in float32

// A tensor with a number for each pair of elements that is rotated.
std::vector<double> numbers_of(const io::GgufFile& file, const std::string& name, int rotary_dim) {
  if (file.tensor(name).shape != mx::Shape{rotary_dim / 2}) {
    fail("{}: {} does not have half the width {} of a head", file.path().string(), name,
         rotary_dim);
  }
  mx::array stored = mx::astype(plain_from_gguf(file, name, {}), mx::float32);
  stored.eval();
  return {stored.data<float>(), stored.data<float>() + stored.size()};
}

ordered_json llama3_scaling(const io::GgufFile& file, double rope_theta, int head_dim) {
  const std::vector<double> divisors = numbers_of(file, "rope_freqs.weight", head_dim);
  double factor = *std::max_element(divisors.begin(), divisors.end());
  std::vector<double> expected = llama3_divisors(factor, rope_theta, head_dim);
  for (size_t i = 0; i < divisors.size(); ++i) {
    if (!(std::abs(divisors[i] - expected[i]) <= kTolerance * expected[i])) {
      fail(
          "{}: its RoPE frequencies are scaled in a way that is not known (frequency {} is divided "
          "by {}, where RoPE of kind llama3 would divide by {})",
          file.path().string(), i, divisors[i], expected[i]);
    }
  }
  if (factor == 1) return nullptr;
  return {{"factor", factor},
          {"high_freq_factor", kHighFrequencyFactor},
          {"low_freq_factor", kLowFrequencyFactor},
          {"original_max_position_embeddings", kOriginalLength},
          {"rope_type", "llama3"}};
}

ordered_json longrope_scaling(const io::GgufFile& file, const std::string& prefix, int rotary_dim) {
  ordered_json scaling = {
      {"long_factor", numbers_of(file, "rope_factors_long.weight", rotary_dim)},
      {"rope_type", "longrope"},
      {"short_factor", numbers_of(file, "rope_factors_short.weight", rotary_dim)},
      {"type", "longrope"}};
  if (const auto factor = file.metadata().number(prefix + "attn_factor")) {
    scaling["attention_factor"] = *factor;
  }
  return scaling;
}

ordered_json yarn_scaling(const io::GgufFile& file, const std::string& prefix) {
  const auto factor = file.metadata().number(prefix + "factor");
  const auto length = file.metadata().unsigned_number(prefix + "original_context_length");
  if (!factor || !length) {
    fail("{}: RoPE of kind yarn needs the metadata {}factor and {}original_context_length",
         file.path().string(), prefix, prefix);
  }
  // Of the other settings, only those that llama.cpp and transformers define alike are supported.
  const auto number = [&](const char* key) { return file.metadata().number(prefix + key); };
  if (number("yarn_ext_factor").value_or(1) != 1 ||
      number("yarn_log_multiplier").value_or(0) != 0) {
    fail("{}: RoPE of kind yarn with {}yarn_ext_factor or yarn_log_multiplier is not supported",
         file.path().string(), prefix);
  }
  ordered_json scaling = {{"factor", *factor},
                          {"original_max_position_embeddings", *length},
                          {"rope_type", "yarn"},
                          {"type", "yarn"}};
  for (const char* key : {"beta_fast", "beta_slow"}) {
    if (const auto beta = number((std::string("yarn_") + key).c_str())) scaling[key] = *beta;
  }
  // llama.cpp's factor multiplies the usual one, transformers' replaces it.
  for (const char* key : {"attn_factor", "yarn_attn_factor"}) {
    if (const auto own = number(key)) {
      scaling["attention_factor"] = *own * (*factor > 1 ? 0.1 * std::log(*factor) + 1 : 1);
    }
  }
  return scaling;
}

}  // namespace

std::vector<double> llama3_divisors(double factor, double rope_theta, int head_dim) {
  nn::RopeSettings settings;
  settings.factor = factor;
  settings.low_freq_factor = kLowFrequencyFactor;
  settings.high_freq_factor = kHighFrequencyFactor;
  settings.original_length = kOriginalLength;
  std::vector<double> divisors;
  for (int i = 0; i < head_dim; i += 2) {
    const double frequency = 1 / std::pow(rope_theta, static_cast<double>(i) / head_dim);
    divisors.push_back(1 / nn::llama3_share(settings, frequency));
  }
  return divisors;
}

ordered_json rope_scaling_of(const io::GgufFile& file, std::string_view architecture,
                             double rope_theta, int head_dim) {
  const io::GgufMetadata& metadata = file.metadata();
  const std::string rope = std::string(architecture) + ".rope.", prefix = rope + "scaling.";
  std::string_view kind = metadata.text(prefix + "type").value_or("none");
  if (file.has("rope_factors_long.weight")) return longrope_scaling(file, prefix, head_dim);
  if (kind == "yarn") return yarn_scaling(file, prefix);
  if (kind != "none" && kind != "linear") {
    fail("{}: RoPE scaling of kind {} is not supported, only linear, yarn, longrope and llama3",
         file.path().string(), io::in_quotes(kind));
  }
  double factor =
      metadata.number(kind == "linear" ? prefix + "factor" : rope + "scale_linear").value_or(1);
  bool linear = factor != 1 && factor != 0;
  if (file.has("rope_freqs.weight")) {
    if (linear) fail("{}: RoPE is scaled in two ways at once", file.path().string());
    return llama3_scaling(file, rope_theta, head_dim);
  }
  if (!linear) return nullptr;
  return {{"factor", factor}, {"rope_type", "linear"}, {"type", "linear"}};
}

}  // namespace graft::convert
