#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "graft/base/sequence.h"
#include "graft/ops/rope.h"

namespace graft::nn {

namespace mx = mlx::core;

/// The rotary frequencies that a model's config asks for: rope types default, linear, dynamic (NTK)
/// and llama3, as transformers' `modeling_rope_utils.py` defines them.
class Rope {
 public:
  /// Reads `rope_parameters`, or `rope_theta` and `rope_scaling`. Throws Error that names a rope
  /// type that is not supported.
  static Rope from_config(const nlohmann::json& config, int head_dim, const std::string& what);

  /// Angles of the queries of each sequence. The positions of a sequence's n queries are the last n
  /// of its keys'.
  ops::RopeTable table(const std::vector<Sequence>& sequences) const;

  /// Inverse frequencies [rotary_dim/2] for a text of `length` tokens: only dynamic depends on it.
  std::vector<float> inverse_frequencies(int64_t length) const;

 private:
  std::string type_ = "default";
  int rotary_dim_ = 0;
  double theta_ = 10000.0;
  double factor_ = 1.0;
  double low_freq_factor_ = 1.0, high_freq_factor_ = 4.0;
  int64_t original_length_ = 0;  // of llama3, and where dynamic begins to stretch
};

}  // namespace graft::nn
