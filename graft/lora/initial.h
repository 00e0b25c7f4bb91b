#pragma once

#include <mlx/array.h>

#include <string>
#include <utility>

namespace graft::lora {

namespace mx = mlx::core;

/// How a new adapter begins, as PEFT's init_lora_weights says it.
struct InitialWeights {
  /// standard: a uniform in ±1/sqrt(in), b zero. gaussian: a normal with deviation 1/R, b zero.
  /// pissa: the weight's largest singular values and vectors (Meng et al. 2024, arXiv:2404.02948).
  /// olora: the first R of an orthonormal basis of its columns, and what the weight is in these
  /// (Büyükakyüz 2024, arXiv:2406.01775). The last two are taken off the weight.
  enum class Kind { standard, gaussian, pissa, olora } kind = Kind::standard;
  int iterations = 0;  // of the randomized SVD of "pissa_niter_4"; 0: exact

  /// Throws UsageError for another name than "default", "gaussian", "pissa", "pissa_niter_N" and
  /// "olora"; `what` is said to have it.
  static InitialWeights parse(const std::string& name, const std::string& what);
  std::string name() const;
  bool is_part_of_the_weight() const { return kind == Kind::pissa || kind == Kind::olora; }
};

/// Factors a [in, R], b [R, out] with scale * (a b)^T = U_R S_R V_R^T of w [out, in] f32, R at most
/// its smaller side: a and b share sqrt(S / scale). With iterations, by the randomized SVD of Halko
/// et al. 2011 (arXiv:0909.4061) from MLX's random state.
std::pair<mx::array, mx::array> principal_factors(const mx::array& w, int rank, float scale,
                                                  int iterations);

/// a [in, R], b [R, out] of the QR factorization of w [out, in]: b^T its first R columns of Q, a^T
/// the first R rows of R. The scale has no part in them.
std::pair<mx::array, mx::array> orthonormal_factors(const mx::array& w, int rank);

}  // namespace graft::lora
