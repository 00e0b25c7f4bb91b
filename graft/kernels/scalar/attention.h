#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "graft/kernels/attention.h"
#include "graft/kernels/convert.h"

namespace graft::kernels {

/// One query's softmax in double, over the keys up to its own.
struct AttentionRowScalar {
  std::vector<double> weights;  ///< 0 for keys before the window
  std::vector<double> slopes;   ///< of the scores by scale q.k: 1 without a soft cap
  double lse;
};

inline AttentionRowScalar attention_row_scalar(const AttentionShape& shape,
                                               const Sequence& sequence, int64_t query,
                                               int64_t head, const void* q, const void* k) {
  const int64_t c = shape.head_dim, kv = head / (shape.heads / shape.kv_heads);
  const int64_t position = sequence.keys() - sequence.queries() + query;
  const size_t visible = static_cast<size_t>(std::max<int64_t>(position + 1, 0));
  std::vector<double> weights(visible), slopes(visible, 1.0);
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (size_t j = 0; j < visible; ++j) {
    if (shape.window > 0 && static_cast<int64_t>(j) <= position - shape.window) {
      weights[j] = -std::numeric_limits<double>::infinity();
      continue;
    }
    const int64_t q_at = ((sequence.query_begin + query) * shape.heads + head) * c;
    const int64_t k_at = ((sequence.key_begin + static_cast<int64_t>(j)) * shape.kv_heads + kv) * c;
    double score = 0;
    for (int64_t i = 0; i < c; ++i) {
      score += double{load_scalar(shape.type, q, q_at + i)} * load_scalar(shape.type, k, k_at + i);
    }
    weights[j] = score * shape.scale;
    if (shape.soft_cap > 0) {
      const double capped = std::tanh(weights[j] / shape.soft_cap);
      weights[j] = shape.soft_cap * capped;
      slopes[j] = 1 - capped * capped;
    }
    largest = std::max(largest, weights[j]);
  }
  for (double& weight : weights) sum += weight = std::exp(weight - largest);
  for (double& weight : weights) weight /= sum;
  return {std::move(weights), std::move(slopes), largest + std::log(sum)};
}

/// attention by its definition, in double: what the tiled code is tested against. Rows that belong
/// to no sequence are left as they are.
inline void attention_scalar(const AttentionShape& shape, std::span<const Sequence> sequences,
                             const void* q, const void* k, const void* v, void* out, float* lse) {
  const int64_t c = shape.head_dim, group = shape.heads / shape.kv_heads;
  for (const Sequence& s : sequences) {
    for (int64_t query = 0; query < s.queries(); ++query) {
      for (int64_t head = 0; head < shape.heads; ++head) {
        const auto [weights, slopes, row_lse] = attention_row_scalar(shape, s, query, head, q, k);
        const int64_t row = (s.query_begin + query) * shape.heads + head;
        for (int64_t i = 0; i < c; ++i) {
          double sum = 0;
          for (size_t j = 0; j < weights.size(); ++j) {
            const int64_t key =
                (s.key_begin + static_cast<int64_t>(j)) * shape.kv_heads + head / group;
            sum += weights[j] * load_scalar(shape.type, v, key * c + i);
          }
          store_scalar(shape.type, out, row * c + i, static_cast<float>(sum));
        }
        if (lse != nullptr) lse[row] = static_cast<float>(row_lse);
      }
    }
  }
}

/// The gradients of attention by their definition, in double; `out` and `lse` are not needed. The
/// gradients are complete: rows that belong to no sequence become zero.
///   With P = softmax(scale Q K^T), O = P V:  dV = P^T dO,  dP = dO V^T,
///   dS = P * (dP - rowsum(P * dP)),  dQ = scale dS K,  dK = scale dS^T Q;
/// with a soft cap dS times its slope, 1 - tanh^2.
inline void attention_backward_scalar(const AttentionShape& shape,
                                      std::span<const Sequence> sequences, const void* q,
                                      const void* k, const void* v, const void* d_out, void* d_q,
                                      void* d_k, void* d_v) {
  const int64_t c = shape.head_dim, group = shape.heads / shape.kv_heads;
  const auto size = [c](int64_t rows, int64_t heads) {
    return static_cast<size_t>(rows * heads * c);
  };
  std::vector<double> dq(size(shape.query_rows, shape.heads));
  std::vector<double> dk(size(shape.key_rows, shape.kv_heads)), dv(dk.size());
  for (const Sequence& s : sequences) {
    for (int64_t query = 0; query < s.queries(); ++query) {
      for (int64_t head = 0; head < shape.heads; ++head) {
        const auto [p, slopes, row_lse] = attention_row_scalar(shape, s, query, head, q, k);
        const int64_t q_at = ((s.query_begin + query) * shape.heads + head) * c;
        const auto k_at = [&](size_t j) {
          return ((s.key_begin + static_cast<int64_t>(j)) * shape.kv_heads + head / group) * c;
        };
        std::vector<double> dp(p.size());
        double delta = 0;
        for (size_t j = 0; j < p.size(); ++j) {
          for (int64_t i = 0; i < c; ++i) {
            const double d_o = load_scalar(shape.type, d_out, q_at + i);
            dp[j] += d_o * load_scalar(shape.type, v, k_at(j) + i);
            dv[static_cast<size_t>(k_at(j) + i)] += p[j] * d_o;
          }
          delta += p[j] * dp[j];
        }
        for (size_t j = 0; j < p.size(); ++j) {
          const double ds = shape.scale * slopes[j] * p[j] * (dp[j] - delta);
          for (int64_t i = 0; i < c; ++i) {
            dq[static_cast<size_t>(q_at + i)] += ds * load_scalar(shape.type, k, k_at(j) + i);
            dk[static_cast<size_t>(k_at(j) + i)] += ds * load_scalar(shape.type, q, q_at + i);
          }
        }
      }
    }
  }
  const auto store_all = [&](const std::vector<double>& from, void* to) {
    for (size_t i = 0; i < from.size(); ++i) {
      store_scalar(shape.type, to, static_cast<int64_t>(i), static_cast<float>(from[i]));
    }
  };
  store_all(dq, d_q);
  store_all(dk, d_k);
  store_all(dv, d_v);
}

}  // namespace graft::kernels
