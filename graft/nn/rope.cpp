#include "graft/nn/rope.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"

namespace graft::nn {
namespace {

// {rope_theta, rope_type, factor, ...} of either spelling, as one object.
nlohmann::json parameters_of(const nlohmann::json& config) {
  nlohmann::json parameters = nlohmann::json::object();
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    if (config.contains(key) && config[key].is_object()) parameters = config[key];
  }
  for (const char* key : {"rope_theta", "partial_rotary_factor"}) {
    if (!parameters.contains(key) && config.contains(key)) parameters[key] = config[key];
  }
  // Before transformers 4.43 the key was "type".
  if (!parameters.contains("rope_type") && parameters.contains("type")) {
    parameters["rope_type"] = parameters["type"];
  }
  return parameters;
}

}  // namespace

Rope Rope::from_config(const nlohmann::json& config, int head_dim, const std::string& what) {
  const nlohmann::json parameters = parameters_of(config);
  ConfigReader read(parameters, what + ": rope parameters");
  Rope rope;
  rope.type_ = read.text("rope_type", "default");
  rope.theta_ = read.number("rope_theta", 10000.0);
  rope.rotary_dim_ = static_cast<int>(head_dim * read.number("partial_rotary_factor", 1.0));
  if (rope.theta_ <= 0 || rope.rotary_dim_ <= 0 || rope.rotary_dim_ > head_dim ||
      rope.rotary_dim_ % 2 != 0) {
    fail("{}: RoPE turns {} of {} elements of a head with base {}: not an even number of them",
         what, rope.rotary_dim_, head_dim, rope.theta_);
  }
  if (rope.type_ == "default") return rope;
  if (rope.type_ != "linear" && rope.type_ != "dynamic" && rope.type_ != "llama3") {
    fail("{}: rope_type '{}' is not supported; supported: default, linear, dynamic, llama3", what,
         rope.type_);
  }
  rope.factor_ = read.number("factor");
  if (rope.factor_ <= 0) fail("{}: the RoPE factor is {}, not positive", what, rope.factor_);
  if (rope.type_ == "dynamic") {
    rope.original_length_ = ConfigReader(config, what).integer("max_position_embeddings");
  }
  if (rope.type_ == "llama3") {
    rope.low_freq_factor_ = read.number("low_freq_factor");
    rope.high_freq_factor_ = read.number("high_freq_factor");
    rope.original_length_ = read.integer("original_max_position_embeddings");
    if (rope.high_freq_factor_ <= rope.low_freq_factor_) {
      fail("{}: RoPE's high_freq_factor {} is not above its low_freq_factor {}", what,
           rope.high_freq_factor_, rope.low_freq_factor_);
    }
  }
  return rope;
}

std::vector<float> Rope::inverse_frequencies(int64_t length) const {
  double theta = theta_;
  if (type_ == "dynamic" && length > original_length_) {
    double stretch = factor_ * static_cast<double>(length) / static_cast<double>(original_length_);
    theta *= std::pow(stretch - (factor_ - 1), rotary_dim_ / (rotary_dim_ - 2.0));
  }
  std::vector<float> frequencies;
  for (int i = 0; i < rotary_dim_; i += 2) {
    double frequency = 1.0 / std::pow(theta, static_cast<double>(i) / rotary_dim_);
    if (type_ == "linear") frequency /= factor_;
    if (type_ == "llama3") {
      // Long waves are stretched by the factor, short ones stay, those between are mixed.
      double turns = static_cast<double>(original_length_) * frequency / (2 * std::numbers::pi);
      double keep = (turns - low_freq_factor_) / (high_freq_factor_ - low_freq_factor_);
      keep = std::clamp(keep, 0.0, 1.0);
      frequency *= keep + (1 - keep) / factor_;
    }
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

ops::RopeTable Rope::table(const std::vector<Sequence>& sequences) const {
  const int half = rotary_dim_ / 2;
  std::vector<float> cos, sin;
  for (const Sequence& s : sequences) {
    std::vector<float> frequencies = inverse_frequencies(s.keys());
    for (int64_t position = s.keys() - s.queries(); position < s.keys(); ++position) {
      for (float frequency : frequencies) {
        // The angle is rounded to f32 before it is turned, as in transformers.
        float angle = static_cast<float>(position) * frequency;
        cos.push_back(std::cos(angle));
        sin.push_back(std::sin(angle));
      }
    }
  }
  int rows = static_cast<int>(cos.size()) / half;
  return {mx::array(cos.begin(), {rows, half}, mx::float32),
          mx::array(sin.begin(), {rows, half}, mx::float32)};
}

}  // namespace graft::nn
