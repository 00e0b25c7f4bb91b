#include "graft/lora/initial.h"

#include <mlx/linalg.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "graft/base/error.h"

namespace graft::lora {
namespace {

constexpr std::string_view kIterations = "pissa_niter_";
constexpr int kMostIterations = 100;
constexpr int kMoreColumns = 8;  // of the randomized SVD than are kept

using Beginning = InitialWeights::Kind;

mx::array columns(const mx::array& matrix, int count) {
  return mx::slice(matrix, {0, 0}, {matrix.shape(0), count});
}

mx::array rows(const mx::array& matrix, int count) {
  return mx::slice(matrix, {0, 0}, {count, matrix.shape(1)});
}

mx::array basis_of(const mx::array& matrix) {
  return mx::linalg::qr(matrix, mx::Device::cpu).first;
}

}  // namespace

InitialWeights InitialWeights::parse(const std::string& name, const std::string& what) {
  for (const Beginning kind :
       {Beginning::standard, Beginning::gaussian, Beginning::pissa, Beginning::olora}) {
    if (const InitialWeights one{kind}; one.name() == name) return one;
  }
  if (name.starts_with(kIterations)) {
    InitialWeights one{Beginning::pissa};
    const char* const end = name.data() + name.size();
    const auto [stop, error] =
        std::from_chars(name.data() + kIterations.size(), end, one.iterations);
    if (error == std::errc() && stop == end && one.iterations >= 1 &&
        one.iterations <= kMostIterations) {
      return one;
    }
  }
  fail_usage(
      "{} '{}' is none of default, gaussian, pissa, pissa_niter_N (N from 1 to {}) and olora", what,
      name, kMostIterations);
}

std::string InitialWeights::name() const {
  switch (kind) {
    case Kind::standard:
      return "default";
    case Kind::gaussian:
      return "gaussian";
    case Kind::pissa:
      return iterations > 0 ? std::string(kIterations) + std::to_string(iterations) : "pissa";
    case Kind::olora:
      return "olora";
  }
  return "default";
}

std::pair<mx::array, mx::array> principal_factors(const mx::array& w, int rank, float scale,
                                                  int iterations) {
  const mx::array wt = mx::transpose(w);
  // w = q m, with m as it is or of few rows.
  mx::array m = w;
  std::optional<mx::array> q;
  if (iterations > 0) {
    const int width = std::min(rank + kMoreColumns, std::min(w.shape(0), w.shape(1)));
    q = basis_of(mx::matmul(w, mx::random::normal({w.shape(1), width})));
    for (int i = 0; i < iterations; ++i) {
      q = basis_of(mx::matmul(w, basis_of(mx::matmul(wt, *q))));
    }
    m = mx::matmul(mx::transpose(*q), w);
  }
  const auto svd = mx::linalg::svd(m, true, mx::Device::cpu);
  const mx::array root = mx::sqrt(mx::divide(mx::slice(svd[1], {0}, {rank}), mx::array(scale)));
  mx::array u = columns(svd[0], rank);
  if (q) u = mx::matmul(*q, u);
  return {mx::contiguous(mx::multiply(mx::transpose(rows(svd[2], rank)), root)),
          mx::contiguous(mx::transpose(mx::multiply(u, root)))};
}

std::pair<mx::array, mx::array> orthonormal_factors(const mx::array& w, int rank) {
  // The first R columns of Q are those of the first R columns' own factorization.
  const mx::array q = basis_of(mx::contiguous(columns(w, rank)));
  return {mx::matmul(mx::transpose(w), q), mx::contiguous(mx::transpose(q))};
}

}  // namespace graft::lora
