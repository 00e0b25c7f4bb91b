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
nlohmann::json parameters_of(const nlohmann::json& config, const std::string& what) {
  nlohmann::json parameters = nlohmann::json::object();
  const auto has = [&](const char* key) {
    return parameters.contains(key) && !parameters[key].is_null();
  };
  // What Python takes for false is none.
  const auto is_none = [](const nlohmann::json& value) {
    return value.is_null() || value == false || value == 0 || value == "" ||
           (value.is_array() && value.empty());
  };
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!config.contains(key) || is_none(config[key])) continue;
    if (!config[key].is_object()) fail("{}: {} must be an object", what, key);
    if (!config[key].empty()) parameters = config[key];
    for (const auto& [name, value] : config[key].items()) {
      if (value.is_object()) {
        fail("{}: {} of several kinds of layers ({}) are not supported in a {} model", what, key,
             name.substr(0, 40), ConfigReader(config, what).text("model_type", ""));
      }
    }
  }
  for (const char* key : {"rope_theta", "partial_rotary_factor"}) {
    if (!has(key) && config.contains(key)) parameters[key] = config[key];
  }
  // The value beside the parameters overrides the one among them (Phi-3).
  const char* original = "original_max_position_embeddings";
  const ConfigReader beside(config, what);
  if (beside.has(original)) {
    parameters[original] = config[original];
  } else if (!has(original) && beside.has("max_position_embeddings")) {
    parameters[original] = config["max_position_embeddings"];
  }
  // Before transformers 4.43 the key was "type".
  if (!has("rope_type") && has("type")) {
    parameters["rope_type"] = parameters["type"];
  }
  return parameters;
}

std::vector<double> factors(const nlohmann::json& parameters, const char* key, int count,
                            const std::string& what) {
  std::vector<double> values;
  if (parameters.contains(key) && parameters[key].is_array()) {
    for (const nlohmann::json& value : parameters[key]) {
      if (!value.is_number() || !(value.get<double>() > 0)) break;
      values.push_back(value.get<double>());
    }
  }
  if (std::ssize(values) != count) {
    fail("{}: RoPE's {} must be an array of {} positive numbers", what, key, count);
  }
  return values;
}

// The ratio of the maximum length to the original length: the factor if the config has none.
double stretch_of(const ConfigReader& read, const ConfigReader& config) {
  return static_cast<double>(config.integer("max_position_embeddings")) /
         static_cast<double>(read.integer("original_max_position_embeddings"));
}

}  // namespace

double llama3_share(const RopeSettings& settings, double frequency) {
  const double turns =
      static_cast<double>(settings.original_length) * frequency / (2 * std::numbers::pi);
  const double keep = std::clamp(
      (turns - settings.low_freq_factor) / (settings.high_freq_factor - settings.low_freq_factor),
      0.0, 1.0);
  return keep + (1 - keep) / settings.factor;
}

void Rope::read_yarn(const nlohmann::json& parameters, const std::string& what) {
  const ConfigReader read(parameters, what + ": rope parameters");
  settings_.original_length = read.integer("original_max_position_embeddings");
  const auto unless_zero = [&](const char* key, double otherwise) {
    const double value = read.number(key, otherwise);
    return value == 0 ? otherwise : value;
  };
  settings_.beta_fast = unless_zero("beta_fast", 32.0);
  settings_.beta_slow = unless_zero("beta_slow", 1.0);
  settings_.truncate = read.boolean("truncate", !parameters.contains("truncate"));  // null is false
  if (settings_.beta_fast <= 0 || settings_.beta_slow <= 0 || settings_.theta <= 1) {
    fail("{}: YaRN with beta_fast {}, beta_slow {} and base {}", what, settings_.beta_fast,
         settings_.beta_slow, settings_.theta);
  }
  const auto mscale = [&](double weight) {
    return settings_.factor <= 1 ? 1.0 : 0.1 * weight * std::log(settings_.factor) + 1.0;
  };
  const double top = read.number("mscale", 0.0), bottom = read.number("mscale_all_dim", 0.0);
  const double usual = top != 0 && bottom != 0 ? mscale(top) / mscale(bottom) : mscale(1);
  settings_.attention_factor = read.number("attention_factor", usual);
}

// The share of a frequency that is kept; the rest is stretched. It is 1 for short waves and 0 for
// long ones.
double Rope::yarn_share(int pair) const {
  const auto correction = [&](double turns) {
    return settings_.rotary_dim *
           std::log(static_cast<double>(settings_.original_length) /
                    (turns * 2 * std::numbers::pi)) /
           (2 * std::log(settings_.theta));
  };
  double low = correction(settings_.beta_fast), high = correction(settings_.beta_slow);
  if (settings_.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, settings_.rotary_dim - 1.0);
  if (low == high) high += 0.001;
  return 1 - std::clamp((pair - low) / (high - low), 0.0, 1.0);
}

void Rope::read_longrope(const nlohmann::json& parameters, const ConfigReader& config,
                         const std::string& what) {
  const ConfigReader read(parameters, what + ": rope parameters");
  settings_.original_length = read.integer("original_max_position_embeddings");
  settings_.short_factor = factors(parameters, "short_factor", settings_.rotary_dim / 2, what);
  settings_.long_factor = factors(parameters, "long_factor", settings_.rotary_dim / 2, what);
  const double original = static_cast<double>(settings_.original_length);
  const double factor = read.has("factor") ? read.number("factor") : stretch_of(read, config);
  const double usual = factor <= 1 || settings_.original_length == 1
                           ? 1.0
                           : std::sqrt(1 + std::log(factor) / std::log(original));
  settings_.attention_factor = read.number("attention_factor", usual);
}

Rope Rope::from_config(const nlohmann::json& config, int head_dim, const std::string& what,
                       bool always_partial) {
  const nlohmann::json parameters = parameters_of(config, what);
  ConfigReader read(parameters, what + ": rope parameters");
  Rope rope;
  rope.settings_.type = read.text("rope_type", "default");
  rope.settings_.theta = read.number("rope_theta", 10000.0);
  double part = read.number("partial_rotary_factor", 1.0);
  if (rope.settings_.type == "default" && !always_partial) part = 1;
  if (part > 0 && part <= 1) rope.settings_.rotary_dim = static_cast<int>(head_dim * part);
  if (rope.settings_.theta <= 0 || rope.settings_.rotary_dim <= 0 ||
      rope.settings_.rotary_dim > head_dim || rope.settings_.rotary_dim % 2 != 0) {
    fail("{}: RoPE rotates {} of {} elements of a head with base {}: not an even number of them",
         what, rope.settings_.rotary_dim, head_dim, rope.settings_.theta);
  }
  if (rope.settings_.type == "default") return rope;
  if (rope.settings_.type == "longrope") {
    rope.read_longrope(parameters, ConfigReader(config, what), what);
    return rope;
  }
  if (rope.settings_.type != "linear" && rope.settings_.type != "dynamic" &&
      rope.settings_.type != "llama3" && rope.settings_.type != "yarn") {
    fail(
        "{}: rope_type '{}' is not supported; supported: default, linear, dynamic, llama3, yarn, "
        "longrope",
        what, rope.settings_.type);
  }
  const bool computed = rope.settings_.type == "yarn" && !read.has("factor");
  rope.settings_.factor =
      computed ? stretch_of(read, ConfigReader(config, what)) : read.number("factor");
  if (rope.settings_.factor <= 0)
    fail("{}: the RoPE factor is {}, not positive", what, rope.settings_.factor);
  if (rope.settings_.type == "dynamic") {
    rope.settings_.original_length = ConfigReader(config, what).integer("max_position_embeddings");
  }
  if (rope.settings_.type == "yarn") rope.read_yarn(parameters, what);
  if (rope.settings_.type == "llama3") {
    rope.settings_.low_freq_factor = read.number("low_freq_factor");
    rope.settings_.high_freq_factor = read.number("high_freq_factor");
    rope.settings_.original_length = read.integer("original_max_position_embeddings");
    if (rope.settings_.high_freq_factor <= rope.settings_.low_freq_factor) {
      fail("{}: RoPE's high_freq_factor {} is not above its low_freq_factor {}", what,
           rope.settings_.high_freq_factor, rope.settings_.low_freq_factor);
    }
  }
  return rope;
}

std::vector<float> Rope::inverse_frequencies(int64_t length) const {
  double theta = settings_.theta;
  if (settings_.type == "dynamic" && length > settings_.original_length) {
    double stretch = settings_.factor * static_cast<double>(length) /
                     static_cast<double>(settings_.original_length);
    theta *= std::pow(stretch - (settings_.factor - 1),
                      settings_.rotary_dim / (settings_.rotary_dim - 2.0));
  }
  std::vector<float> frequencies;
  for (int i = 0; i < settings_.rotary_dim; i += 2) {
    double frequency = 1.0 / std::pow(theta, static_cast<double>(i) / settings_.rotary_dim);
    if (settings_.type == "linear") frequency /= settings_.factor;
    if (settings_.type == "yarn") {
      const double keep = yarn_share(i / 2);
      frequency *= keep + (1 - keep) / settings_.factor;
    }
    if (settings_.type == "longrope") {
      frequency /=
          (length > settings_.original_length ? settings_.long_factor
                                              : settings_.short_factor)[static_cast<size_t>(i / 2)];
    }
    if (settings_.type == "llama3") frequency *= llama3_share(settings_, frequency);
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

ops::RopeTable Rope::table(const std::vector<Sequence>& sequences) const {
  const int half = settings_.rotary_dim / 2;
  const float scale = static_cast<float>(settings_.attention_factor);
  std::vector<float> cos, sin;
  for (const Sequence& s : sequences) {
    std::vector<float> frequencies = inverse_frequencies(s.keys());
    for (int64_t position = s.keys() - s.queries(); position < s.keys(); ++position) {
      for (float frequency : frequencies) {
        // The angle is rounded to f32 before it is rotated, as in transformers.
        float angle = static_cast<float>(position) * frequency;
        cos.push_back(std::cos(angle) * scale);
        sin.push_back(std::sin(angle) * scale);
      }
    }
  }
  int rows = static_cast<int>(cos.size()) / half;
  return {mx::array(cos.begin(), {rows, half}, mx::float32),
          mx::array(sin.begin(), {rows, half}, mx::float32)};
}

}  // namespace graft::nn
