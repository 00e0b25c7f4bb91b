#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/config_reader.h"
#include "graft/base/sequence.h"
#include "graft/ops/rope.h"

namespace graft::nn {

namespace mx = mlx::core;

/// What a config says of RoPE.
struct RopeSettings {
  std::string type = "default";
  int rotary_dim = 0;  // elements of a head that are rotated
  double theta = 10000.0;
  double factor = 1.0;
  double low_freq_factor = 1.0, high_freq_factor = 4.0;
  // The length beyond which dynamic stretches and longrope uses its long factors; llama3 and yarn
  // use it too.
  int64_t original_length = 0;
  double beta_fast = 32.0, beta_slow = 1.0;       // of yarn
  bool truncate = true;                           // of yarn
  std::vector<double> short_factor, long_factor;  // of longrope
  double attention_factor = 1.0;                  // on cos and sin: yarn, longrope
};

/// What llama3 multiplies a frequency (radians a token) by: 1 for short waves, 1 / factor for long
/// ones, between these a mixture.
double llama3_share(const RopeSettings& settings, double frequency);

/// The rotary frequencies that a model's config asks for: rope types default, linear, dynamic
/// (NTK), llama3, yarn (arXiv:2309.00071) and longrope (arXiv:2402.13753), as transformers'
/// `modeling_rope_utils.py` defines them.
class Rope {
 public:
  /// Reads `rope_scaling` or else `rope_parameters`, and related keys beside them. Throws Error
  /// that names an unsupported rope type, and for parameters of several kinds of layers.
  /// `always_partial`: for families whose partial_rotary_factor counts with RoPE of the default
  /// type too.
  static Rope from_config(const nlohmann::json& config, int head_dim, const std::string& what,
                          bool always_partial = false);

  /// Angles of the queries of each sequence. The positions of a sequence's n queries are those of
  /// its last n keys.
  ops::RopeTable table(const std::vector<Sequence>& sequences) const;

  /// Inverse frequencies [rotary_dim/2] for a text of `length` tokens: only dynamic and longrope
  /// depend on it.
  std::vector<float> inverse_frequencies(int64_t length) const;

  const RopeSettings& settings() const { return settings_; }

 private:
  RopeSettings settings_;

  void read_yarn(const nlohmann::json& parameters, const std::string& what);
  void read_longrope(const nlohmann::json& parameters, const ConfigReader& config,
                     const std::string& what);
  double yarn_share(int pair) const;
};

}  // namespace graft::nn
