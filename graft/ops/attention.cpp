#include "graft/ops/attention.h"

#include <graft_config.h>
#include <mlx/fast.h>
#include <mlx/ops.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "graft/base/error.h"
#include "graft/ops/backend.h"
#include "graft/ops/cpu/attention.h"

namespace graft::ops {
namespace {

// Rows [begin, end) of each sequence side by side, padded to the longest: [B, heads, L, C].
mx::array gather(const mx::array& rows, const std::vector<int32_t>& index, int batch, int heads,
                 int head_dim) {
  int length = static_cast<int>(index.size()) / batch;
  mx::array ids(index.begin(), {batch * length}, mx::int32);
  mx::array padded = mx::reshape(mx::take(rows, ids, 0), {batch, length, heads, head_dim});
  return mx::transpose(padded, {0, 2, 1, 3});
}

// Attention of q [B, H, L, C] and k, v [B, K, S, C], with `visible` [B, 1, L, S]; scores in f32.
mx::array capped_attention(const mx::array& q, const mx::array& k, const mx::array& v,
                           const mx::array& visible, const AttentionOptions& o) {
  int batch = q.shape(0), queries = q.shape(2);
  mx::array grouped = mx::reshape(mx::astype(q, mx::float32),
                                  {batch, o.kv_heads, o.heads / o.kv_heads, queries, o.head_dim});
  mx::array keys = mx::expand_dims(mx::astype(k, mx::float32), 2);
  mx::array scores = mx::matmul(grouped, mx::swapaxes(keys, 3, 4));  // [B, K, H / K, L, S]
  mx::array capped = mx::multiply(mx::tanh(mx::multiply(scores, mx::array(o.scale / o.soft_cap))),
                                  mx::array(o.soft_cap));
  mx::array lowest(std::numeric_limits<float>::lowest());
  mx::array weights = mx::softmax(mx::where(mx::expand_dims(visible, 2), capped, lowest), -1);
  mx::array out = mx::matmul(mx::astype(weights, v.dtype()), mx::expand_dims(v, 2));
  return mx::reshape(out, q.shape());
}

mx::array portable_attention(const mx::array& q, const mx::array& k, const mx::array& v,
                             const std::vector<Sequence>& sequences, const AttentionOptions& o) {
  int batch = static_cast<int>(sequences.size());
  int64_t most_queries = 0, most_keys = 0;
  for (const Sequence& s : sequences) {
    most_queries = std::max(most_queries, s.queries());
    most_keys = std::max(most_keys, s.keys());
  }
  // Padding repeats a real row, so that a masked score is finite before it is masked.
  std::vector<int32_t> query_index, key_index, back(static_cast<size_t>(q.shape(0)));
  std::vector<char> mask;
  for (size_t b = 0; b < sequences.size(); ++b) {
    const Sequence& s = sequences[b];
    for (int64_t i = 0; i < most_queries; ++i) {
      int64_t query = std::min(i, s.queries() - 1);
      query_index.push_back(static_cast<int32_t>(s.query_begin + query));
      if (i < s.queries()) {
        back[static_cast<size_t>(s.query_begin + i)] =
            static_cast<int32_t>(static_cast<int64_t>(b) * most_queries + i);
      }
      int64_t own = s.keys() - s.queries() + query;
      int64_t hidden = o.window == 0 ? 0 : own - o.window + 1;  // keys before the window
      for (int64_t j = 0; j < most_keys; ++j) mask.push_back(hidden <= j && j <= own);
    }
    for (int64_t j = 0; j < most_keys; ++j) {
      key_index.push_back(static_cast<int32_t>(s.key_begin + std::min(j, s.keys() - 1)));
    }
  }
  mx::array visible(mask.begin(),
                    {batch, 1, static_cast<int>(most_queries), static_cast<int>(most_keys)},
                    mx::bool_);
  mx::array queries = gather(q, query_index, batch, o.heads, o.head_dim);
  mx::array keys = gather(k, key_index, batch, o.kv_heads, o.head_dim);
  mx::array values = gather(v, key_index, batch, o.kv_heads, o.head_dim);
  mx::array out = o.soft_cap > 0 ? capped_attention(queries, keys, values, visible, o)
                                 : mx::fast::scaled_dot_product_attention(
                                       queries, keys, values, o.scale, "array", visible);
  out = mx::reshape(mx::transpose(out, {0, 2, 1, 3}),
                    {batch * static_cast<int>(most_queries), o.heads * o.head_dim});
  return mx::take(out, mx::array(back.begin(), {q.shape(0)}, mx::int32), 0);
}

}  // namespace

mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v,
                    const Sequences& sequences, const AttentionOptions& options) {
  return attention(q, std::vector{k}, std::vector{v}, sequences, options);
}

mx::array attention(const mx::array& q, const std::vector<mx::array>& k,
                    const std::vector<mx::array>& v, const Sequences& sequences,
                    const AttentionOptions& options) {
  if (options.window < 0) fail("attention: window must be 0 or above, found {}", options.window);
  if (!(options.soft_cap >= 0) || !std::isfinite(options.soft_cap)) {
    fail("attention: soft_cap must be 0 or above and finite, found {}", options.soft_cap);
  }
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::attention(q, k, v, sequences, options);
#endif
  const auto whole = [](const std::vector<mx::array>& blocks) {
    return blocks.size() == 1 ? blocks[0] : mx::concatenate(blocks, 0);
  };
  return portable_attention(q, whole(k), whole(v), *sequences, options);
}

}  // namespace graft::ops
