#include "graft/gguf/rope.h"

#include <cmath>

namespace graft::gguf {
namespace {

mx::array as_floats(const std::vector<double>& numbers) {
  std::vector<float> floats(numbers.begin(), numbers.end());
  return mx::array(floats.begin(), {static_cast<int>(floats.size())}, mx::float32);
}

// What the frequencies are divided by.
std::vector<double> divisors(const nn::RopeSettings& rope) {
  std::vector<double> all;
  for (int i = 0; i < rope.rotary_dim; i += 2) {
    const double frequency = 1 / std::pow(rope.theta, static_cast<double>(i) / rope.rotary_dim);
    all.push_back(1 / nn::llama3_share(rope, frequency));
  }
  return all;
}

}  // namespace

void set_rope(io::GgufKeys& file, const std::string& architecture, const nn::RopeSettings& rope) {
  const std::string at = architecture + ".rope.";
  const std::string scaling = at + "scaling.";
  const auto real = [&](const std::string& key, double value) {
    file.set(key, static_cast<float>(value));
  };
  file.set(at + "dimension_count", static_cast<uint32_t>(rope.rotary_dim));
  real(at + "freq_base", rope.theta);
  const auto set_length = [&] {
    file.set(scaling + "original_context_length", static_cast<uint32_t>(rope.original_length));
  };
  if (rope.type == "linear") {
    file.set(scaling + "type", "linear");
    real(scaling + "factor", rope.factor);
  } else if (rope.type == "yarn") {
    file.set(scaling + "type", "yarn");
    real(scaling + "factor", rope.factor);
    set_length();
    // It is multiplied there by the usual one.
    const double usual = rope.factor > 1 ? 1 + 0.1 * std::log(rope.factor) : 1;
    if (std::abs(rope.attention_factor / usual - 1) > 1e-6) {
      real(scaling + "attn_factor", rope.attention_factor / usual);
    }
  } else if (rope.type == "longrope") {
    file.set(scaling + "type", "longrope");
    set_length();
    real(scaling + "attn_factor", rope.attention_factor);
  }
}

std::vector<std::pair<std::string, mx::array>> rope_tensors(const nn::RopeSettings& rope) {
  if (rope.type == "llama3") return {{"rope_freqs.weight", as_floats(divisors(rope))}};
  if (rope.type != "longrope") return {};
  return {{"rope_factors_long.weight", as_floats(rope.long_factor)},
          {"rope_factors_short.weight", as_floats(rope.short_factor)}};
}

}  // namespace graft::gguf
